/** Schemes and layouts as tables. */
import type { LayoutDescription } from "../inspect/describe-layouts.ts";
import type { SchemeDescription } from "../inspect/describe-schemes.ts";
import { formatBits } from "./format-number.ts";
import { textTable, type Column, type TableOptions } from "./text-table.ts";

const SCHEME_COLUMNS: readonly Column<SchemeDescription>[] = [
  { title: "scheme", cell: ({ name }) => name },
  { title: "kind", cell: ({ kind }) => kind },
  { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), align: "right" },
  { title: "block", cell: ({ blockSize }) => String(blockSize), align: "right" },
  { title: "llama.cpp", cell: ({ isStock }) => (isStock ? "loads it" : "no") },
  { title: "what it is", cell: ({ about }) => about, shrink: "end", minWidth: 20 },
];

const LAYOUT_COLUMNS: readonly Column<LayoutDescription>[] = [
  { title: "type", cell: ({ codec }) => codec },
  { title: "layout", cell: ({ layout }) => layout },
  { title: "rows", cell: ({ rowsPerGroup }) => String(rowsPerGroup), align: "right" },
  { title: "chunks", cell: ({ chunkBytes }) => chunkBytes, align: "right" },
  { title: "for", cell: ({ target }) => target, shrink: "end", minWidth: 20 },
];

/** The table of `quantize schemes`. */
export function schemesText(schemes: readonly SchemeDescription[], options?: TableOptions): string {
  const note =
    "Bits are those of the main type. Mixes and learned tables add to them:\n`quantize plan <model> --scheme <name>` gives the sum.";
  return `${textTable(SCHEME_COLUMNS, schemes, options)}\n\n${note}`;
}

/** The table of `quantize layouts`. */
export function layoutsText(layouts: readonly LayoutDescription[], options?: TableOptions): string {
  return textTable(LAYOUT_COLUMNS, layouts, options);
}
