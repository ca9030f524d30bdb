/** The report of a conversion as text: a line per tensor, sums, and what fell back. */
import type { ConversionReport, TensorReport } from "../jobs/conversion.types.ts";
import { encodingShares } from "../inspect/inspect-model.ts";
import { PLAIN } from "../text/colours.ts";
import { conversionFacts } from "./conversion-facts.ts";
import { formatBits, formatBytes, formatCosine, formatError } from "../text/format-number.ts";
import { encodingName, encodingsText } from "./inspection-text.ts";
import { printable } from "../text/printable.ts";
import { fallbacksText, rulesText, warningsText } from "./reasons-text.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";

const COLUMNS: readonly Column<TensorReport>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  {
    title: "type",
    cell: ({ to }) => encodingName(to),
    style: (text, { isFallback }, { yellow }) => (isFallback ? yellow(text) : text),
  },
  { title: "tables", cell: ({ tables }) => (tables === undefined ? "" : String(tables)), align: "right", dropOrder: 1 },
  { title: "bytes", cell: ({ byteLength }) => formatBytes(byteLength), align: "right" },
  { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), align: "right", dropOrder: 3 },
  { title: "NMSE", cell: ({ quality }) => formatError(quality?.nmse), align: "right" },
  { title: "cosine", cell: ({ quality }) => formatCosine(quality?.cosine), align: "right", dropOrder: 4 },
  { title: "kernel", cell: ({ quality }) => formatError(quality?.kernelError), align: "right", dropOrder: 2 },
];

/** Columns that say something in this report. */
function columnsFor({ tensors, verify }: ConversionReport): readonly Column<TensorReport>[] {
  const empty = new Set<string>();
  if (tensors.every(({ tables }) => tables === undefined)) empty.add("tables");
  if (verify === "off" || tensors.every(({ quality }) => quality === undefined)) {
    for (const title of ["NMSE", "cosine", "kernel"]) empty.add(title);
  }
  if (verify !== "kernels") empty.add("kernel");
  return COLUMNS.filter(({ title }) => !empty.has(title));
}

/** The report, for people. */
export function conversionText(report: ConversionReport, options: TableOptions = {}): string {
  const colours = options.colours ?? PLAIN;
  const encodings = encodingShares(
    report.tensors.map(({ to, weights, byteLength }) => ({ ...to, weights, byteLength })),
  );
  const parts = [
    textTable(columnsFor(report), report.tensors, options),
    encodingsText(encodings, options),
    fallbacksText(report.tensors, colours),
    rulesText(report.ruleHits),
    warningsText([...report.warnings, ...(report.evaluation?.warnings ?? [])], colours),
    conversionFacts(report)
      .map(([title, text]) => `${title.padEnd(7)} ${printable(text)}`)
      .join("\n"),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}
