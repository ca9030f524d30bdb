/** What a conversion comes to, in words: for the terminal and for the page. */
import type { ConversionReport } from "../jobs/conversion.types.ts";
import { evaluationFact } from "./evaluation-text.ts";
import {
  formatBits,
  formatBytes,
  formatCosine,
  formatCount,
  formatDuration,
  formatError,
  formatPercent,
  formatThings,
} from "../text/format-number.ts";

function errorFact({ totals }: ConversionReport): string {
  const { encodedTensors, nmse, cosine, kernelError } = totals;
  if (encodedTensors === 0) return "nothing was encoded: values are as they were";
  if (nmse === undefined) return "not verified";
  const kernels = kernelError === undefined ? "" : `, kernels ${formatError(kernelError)}`;
  return `NMSE ${formatError(nmse)}, cosine ${formatCosine(cosine)}${kernels}`;
}

/** Titles and sentences, in the order in which people ask. */
export function conversionFacts(report: ConversionReport): readonly (readonly [title: string, text: string])[] {
  const { totals, seconds, threads } = report;
  const size =
    `${formatBytes(totals.sourceBytes)} -> ${formatBytes(totals.bytes)} ` +
    `(${formatPercent(totals.bytes / totals.sourceBytes)}), ${formatBits(totals.bitsPerWeight)} bits per weight`;
  const converting = seconds - (report.evaluation?.seconds ?? 0);
  const rate = converting > 0 ? `, ${formatCount(totals.weights / converting)}weights/s` : "";
  return [
    ["weights", `${formatCount(totals.weights)} in ${totals.tensors} tensors, ${totals.encodedTensors} encoded`],
    ["size", size],
    ...(report.mixed === undefined ? [] : [["mixed", report.mixed] as const]),
    ["error", errorFact(report)],
    ...(report.evaluation === undefined ? [] : [["model", evaluationFact(report.evaluation)] as const]),
    ["time", `${formatDuration(seconds)}${rate}, ${formatThings(threads, "thread")}`],
    ["output", `${report.output}, ${formatBytes(report.fileBytes)}`],
  ];
}
