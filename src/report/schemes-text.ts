/** Schemes and layouts as tables. */
import { findFormat } from "../../codecs/registry.ts";
import { layoutsFor, TARGETS, type Feature, type Target } from "../../layouts/targets.ts";
import type { FeatureDescription, LayoutDescription } from "../inspect/describe-layouts.ts";
import type { SchemeDescription } from "../inspect/describe-schemes.ts";
import { PLAIN } from "../text/colours.ts";
import { formatBits } from "../text/format-number.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

const SCHEME_COLUMNS: readonly Column<SchemeDescription>[] = [
  { title: "scheme", cell: ({ name }) => name },
  { title: "kind", cell: ({ kind }) => kind },
  { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), align: "right" },
  { title: "block", cell: ({ blockSize }) => String(blockSize), align: "right" },
  { title: "llama.cpp", cell: ({ isStock }) => (isStock ? "loads it" : "no") },
  { title: "what it is", cell: ({ about }) => about, shrink: "end", minWidth: 20 },
];

interface CodecLayouts {
  readonly codec: string;
  readonly layouts: readonly LayoutDescription[];
}

const FEATURE_COLUMNS: readonly Feature[] = ["dotprod", "i8mm", "sve256", "avx2"];

const targetOf = (feature: Feature): Target => TARGETS.find(({ name }) => name === feature)!;

const LAYOUT_COLUMNS: readonly Column<CodecLayouts>[] = [
  { title: "type", cell: ({ codec }) => codec },
  { title: "layouts", cell: ({ layouts }) => layouts.map(({ layout }) => layout).join(" ") },
  ...FEATURE_COLUMNS.map((feature): Column<CodecLayouts> => ({
    title: feature,
    // By preference: the second where a tensor's rows do not divide by the first.
    cell: ({ codec }) => layoutsFor(targetOf(feature), findFormat(codec)!).join(", ") || "rows",
    style: (text, _row, { dim }) => (text.trim() === "rows" ? dim(text) : text),
  })),
];

/** The table of `quantize schemes`. */
export function schemesText(schemes: readonly SchemeDescription[], options?: TableOptions): string {
  const note =
    "Bits are those of the main type. Mixes and learned tables add to them:\n`quantize plan <model> --scheme <name>` gives the sum.";
  return `${textTable(SCHEME_COLUMNS, schemes, options)}\n\n${note}`;
}

/** `a, b, c` over several lines. */
function wrapped(words: readonly string[], indent: number, width: number): string {
  const lines = [""];
  for (const word of words) {
    const last = lines[lines.length - 1]!;
    if (last !== "" && indent + last.length + word.length + 2 > width) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last}, ${word}`;
  }
  return lines.join(`,\n${" ".repeat(indent)}`);
}

/** The tables of `quantize layouts`: types against instruction sets, then processors. */
export function layoutsText(
  layouts: readonly LayoutDescription[],
  targets: readonly FeatureDescription[],
  options: TableOptions = {},
): string {
  const { bold } = options.colours ?? PLAIN;
  const codecs = [...new Set(layouts.map(({ codec }) => codec))].map((codec) => ({
    codec,
    layouts: layouts.filter((layout) => layout.codec === codec),
  }));
  const width = Math.min(options.width ?? 100, 120);
  const processors = targets.map(({ feature, processors: names }) => {
    const others = names.filter((name) => name !== feature);
    return `${bold(feature.padEnd(9))}${wrapped(others, 9, width)}`.trimEnd();
  });
  return [
    textTable(LAYOUT_COLUMNS, codecs, options),
    "A layout is rows x bytes: 4x8 interleaves four rows by eight bytes of codes.\n" +
      "Columns say what --layout auto:<name> takes; name an instruction set or a CPU:",
    processors.join("\n"),
  ].join("\n\n");
}
