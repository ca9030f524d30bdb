/** An inspection as text: what the model is, its encodings by bytes, metadata, tensors. */
import type { EncodingShare, InspectedTensor, InspectedValue, Inspection } from "../inspect/inspect-model.ts";
import {
  formatBits,
  formatBytes,
  formatCount,
  formatFloat32,
  formatInteger,
  formatPercent,
} from "../text/format-number.ts";
import { isStorageKey, VERSION_KEY } from "../container/manifest-keys.ts";
import { PLAIN } from "../text/colours.ts";
import { printable, truncateEnd } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

/** `q4_cb@4x8`, as rules write it; the layout is left out for rows. */
export function encodingName({ codec, layout }: { codec: string; layout: string }): string {
  return layout === "rows" ? codec : `${codec}@${layout}`;
}

/** `256 x 512`: row length first, as GGUF counts. */
export function shapeText(shape: readonly number[]): string {
  return shape.join(" x ");
}

const ENCODING_COLUMNS: readonly Column<EncodingShare>[] = [
  { title: "type", cell: encodingName },
  { title: "tensors", cell: ({ tensors }) => String(tensors), align: "right" },
  { title: "weights", cell: ({ weights }) => formatCount(weights), align: "right" },
  { title: "bytes", cell: ({ bytes }) => formatBytes(bytes), align: "right" },
  { title: "of all", cell: ({ share }) => formatPercent(share), align: "right" },
];

/** Encodings with their share of the bytes. */
export function encodingsText(encodings: readonly EncodingShare[], options?: TableOptions): string {
  return textTable(ENCODING_COLUMNS, encodings, options);
}

const TENSOR_COLUMNS: readonly Column<InspectedTensor>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  { title: "type", cell: encodingName },
  { title: "shape", cell: ({ shape }) => shapeText(shape) },
  { title: "bytes", cell: ({ byteLength }) => formatInteger(byteLength), align: "right" },
  { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), align: "right" },
  {
    title: "tables",
    cell: ({ codebooks }) => (codebooks === undefined ? "" : codebooks.map((c) => c.tables).join(" ")),
    align: "right",
    shrink: "end",
    minWidth: 6,
  },
  {
    title: "offset",
    cell: ({ byteOffset, file }) => `${file > 0 ? `${file}:` : ""}${byteOffset}`,
    align: "right",
    dropOrder: 1,
  },
];

function tensorColumns({ tensors }: Inspection): readonly Column<InspectedTensor>[] {
  if (tensors.some(({ codebooks }) => codebooks !== undefined)) return TENSOR_COLUMNS;
  return TENSOR_COLUMNS.filter(({ title }) => title !== "tables");
}

function valueText({ type, elementType, value, length }: InspectedValue): string {
  const isFloat32 = (elementType ?? type) === "float32";
  const scalar = (item: unknown): string => {
    if (typeof item === "string") return JSON.stringify(item);
    return isFloat32 && typeof item === "number" ? formatFloat32(item) : String(item);
  };
  if (!Array.isArray(value)) return scalar(value);
  const more = (length ?? 0) > value.length ? `, ... (${formatInteger(length!)} in all)` : "";
  return `[${value.map(scalar).join(", ")}${more}]`;
}

function typeText({ type, elementType }: InspectedValue): string {
  return elementType === undefined ? type : `${elementType}[]`;
}

/** Keys that describe our own storage are shown by other means: --codebooks, `quantize verify`, --json. */
function isStorage({ key }: InspectedValue): boolean {
  return isStorageKey(key) && key !== VERSION_KEY;
}

function metadataText(values: readonly InspectedValue[], width: number): string {
  const shown = values.filter((value) => !isStorage(value));
  const keyWidth = Math.min(
    44,
    shown.reduce((most, { key }) => Math.max(most, key.length), 0),
  );
  const lines = shown.map((value) => {
    const line = `${printable(value.key).padEnd(keyWidth)}  ${typeText(value).padEnd(9)}  ${printable(valueText(value))}`;
    return truncateEnd(line, width);
  });
  const hidden = values.length - shown.length;
  if (hidden > 0) lines.push(`(and ${hidden} keys of learned tables and the manifest: --codebooks, --json)`);
  return lines.join("\n");
}

/** The label of the file beside what its bytes say. */
function labelText({ fileType, encodings }: Inspection): string {
  if (fileType === undefined) return "";
  const label = `${fileType.name} (general.file_type ${fileType.value})`;
  if (!fileType.isMisleading) return label;
  const [main] = encodings;
  return `${label}, but most bytes are ${main === undefined ? "none" : `${encodingName(main)}: ${formatPercent(main.share)}`}`;
}

/** Everything, for people. */
export function inspectionText(inspection: Inspection, options: TableOptions = {}): string {
  const { bold } = options.colours ?? PLAIN;
  const files = inspection.files.reduce((sum, file) => sum + file.byteLength, 0);
  const facts: readonly (readonly [string, string])[] = [
    ["file", inspection.path],
    ["name", [inspection.name, inspection.architecture].filter((text) => text !== undefined).join(", ")],
    ["format", `${inspection.format}, ${inspection.files.length} file(s), ${formatBytes(files)}`],
    ["label", labelText(inspection)],
    ["weights", `${formatCount(inspection.weights)} in ${inspection.tensors.length} tensors`],
    ["tensor bytes", `${formatBytes(inspection.bytes)}, ${formatBits(inspection.bitsPerWeight)} bits per weight`],
  ];
  const head = facts
    .filter(([, text]) => text !== "")
    .map(([title, text]) => `${bold(title.padEnd(13))} ${printable(text)}`)
    .join("\n");
  return [
    head,
    encodingsText(inspection.encodings, options),
    `${bold("metadata")}\n${metadataText(inspection.metadata, options.width ?? 160)}`,
    textTable(tensorColumns(inspection), inspection.tensors, options),
  ].join("\n\n");
}
