/** One weight in words: which bits of which bytes, what they say, and the block as a hex dump with fields named. */
import type { InspectedElement } from "../inspect/inspect-element.ts";
import { PLAIN, type Colours } from "../text/colours.ts";
import { formatFloat32 } from "../text/format-number.ts";
import { hexView } from "./hex-view.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

type Part = InspectedElement["parts"][number];

/** `low nibble`, `bit 3`, `bits 2-5`, `bytes` of a run of bits that begins in a byte. */
function bitsText({ bit, bits }: Part): string {
  if (bits === 4 && bit === 0) return "low nibble";
  if (bits === 4 && bit === 4) return "high nibble";
  if (bits === 1) return `bit ${bit}`;
  if (bit === 0 && bits % 8 === 0) return bits === 8 ? "whole byte" : `${bits / 8} bytes`;
  return `bits ${bit}-${bit + bits - 1}`;
}

function valueText({ value, stored, bits }: Part): string {
  const digits = Math.ceil(bits / 4);
  const hex = (number: number): string => `0x${number.toString(16).padStart(digits, "0")}`;
  return stored === value ? `${value} (${hex(value)})` : `${value} (stored flipped as ${hex(stored)})`;
}

const COLUMNS: readonly Column<Part>[] = [
  { title: "what", cell: ({ label }) => label },
  { title: "field", cell: ({ field }) => field },
  { title: "byte", cell: ({ byteOffset }) => String(byteOffset), align: "right" },
  {
    title: "in the file",
    cell: ({ fileOffset }) => (fileOffset === undefined ? "" : String(fileOffset)),
    align: "right",
    dropOrder: 1,
  },
  { title: "bits", cell: bitsText },
  { title: "value", cell: valueText },
  { title: "reads", cell: ({ reading }) => reading ?? "", shrink: "end", minWidth: 12 },
];

/** Where the weight lies, for people. */
export function elementText(element: InspectedElement, options: TableOptions = {}): string {
  const { bold }: Colours = options.colours ?? PLAIN;
  const { slice, row, column, shape, layout, storedLayout } = element;
  const place = `${shape.length > 2 ? `slice ${slice}, ` : ""}row ${row}, column ${column}`;
  const stored = layout === storedLayout ? "" : ` (the file stores ${storedLayout}; offsets are those after packing)`;
  const columns = element.parts.some(({ fileOffset }) => fileOffset !== undefined)
    ? COLUMNS
    : COLUMNS.filter(({ title }) => title !== "in the file");
  const shown = element.parts.some(({ reading }) => reading !== undefined)
    ? columns
    : columns.filter(({ title }) => title !== "reads");
  const { choice } = element;
  const product =
    choice === undefined
      ? ""
      : ` = level ${formatFloat32(choice.level)} * entry ${choice.entry} (number ${choice.code} of the table)`;
  return [
    `${bold(printable(element.tensor))}, ${element.codec} in layout ${layout}${stored}`,
    `${place}: block ${element.block} of the row, weight ${element.columnInBlock} of the block`,
    `value ${bold(formatFloat32(element.value))}${product}`,
    "",
    textTable(shown, element.parts, options),
    ...(choice === undefined ? [] : ["", `table: ${choice.table.join(" ")}`]),
  ].join("\n");
}

/** The block that holds the weight, byte by byte, the weight's own bytes marked. */
export function elementHex(element: InspectedElement, options: TableOptions = {}): string {
  const marked = new Set<number>();
  for (const { byteOffset, bit, bits } of element.parts) {
    for (let byte = byteOffset; byte < byteOffset + Math.ceil((bit + bits) / 8); byte++) marked.add(byte);
  }
  return hexView(Uint8Array.from(element.blockBytes), {
    ...options,
    start: element.blockOffset,
    fields: element.blockFields,
    marked,
  });
}
