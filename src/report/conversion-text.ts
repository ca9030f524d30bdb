/** The report of a conversion as text: a line per tensor, sums, and what fell back. */
import type { ConversionReport, TensorReport } from "../engine/conversion.types.ts";
import { encodingShares } from "../inspect/inspect-model.ts";
import { PLAIN } from "./colours.ts";
import {
  formatBits,
  formatBytes,
  formatCosine,
  formatCount,
  formatDuration,
  formatError,
  formatPercent,
} from "./format-number.ts";
import { encodingName, encodingsText } from "./inspection-text.ts";
import { printable } from "./printable.ts";
import { fallbacksText, warningsText } from "./reasons-text.ts";
import { textTable, type Column, type TableOptions } from "./text-table.ts";

const COLUMNS: readonly Column<TensorReport>[] = [
  { title: "tensor", cell: ({ name }) => name, shrink: "middle", minWidth: 25 },
  {
    title: "type",
    cell: ({ to }) => encodingName(to),
    style: (text, { isFallback }, { yellow }) => (isFallback ? yellow(text) : text),
  },
  { title: "tables", cell: ({ tables }) => (tables === undefined ? "" : String(tables)), align: "right", dropOrder: 1 },
  { title: "bytes", cell: ({ byteLength }) => formatBytes(byteLength), align: "right" },
  { title: "bits", cell: ({ bitsPerWeight }) => formatBits(bitsPerWeight), align: "right" },
  { title: "NMSE", cell: ({ quality }) => formatError(quality?.nmse), align: "right" },
  { title: "cosine", cell: ({ quality }) => formatCosine(quality?.cosine), align: "right" },
  { title: "kernel", cell: ({ quality }) => formatError(quality?.kernelError), align: "right" },
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

function totalsText(report: ConversionReport): string {
  const { totals } = report;
  const size =
    `${formatBytes(totals.sourceBytes)} -> ${formatBytes(totals.bytes)} ` +
    `(${formatPercent(totals.bytes / totals.sourceBytes)}), ${formatBits(totals.bitsPerWeight)} bits per weight`;
  const quality =
    totals.encodedTensors === 0
      ? "nothing was encoded: values are as they were"
      : totals.nmse === undefined
        ? "not verified"
        : `NMSE ${formatError(totals.nmse)}, cosine ${formatCosine(totals.cosine)}` +
          (totals.kernelError === undefined ? "" : `, kernels ${formatError(totals.kernelError)}`);
  const rate = report.seconds > 0 ? `, ${formatCount(totals.weights / report.seconds)}weights/s` : "";
  const time = `${formatDuration(report.seconds)}${rate}, ${report.threads} thread${report.threads === 1 ? "" : "s"}`;
  return [
    ["weights", `${formatCount(totals.weights)} in ${totals.tensors} tensors, ${totals.encodedTensors} encoded`],
    ["size", size],
    ["error", quality],
    ["time", time],
    ["output", `${printable(report.output)}, ${formatBytes(report.fileBytes)}`],
  ]
    .map(([title, text]) => `${title!.padEnd(7)} ${text}`)
    .join("\n");
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
    warningsText(report.warnings, colours),
    totalsText(report),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}
