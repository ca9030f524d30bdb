/** An evaluation as text: what llama-perplexity prints with --kl-divergence, then where it was lost, and by which kernels. */
import type { LayerError } from "../evaluate/run-evaluation.ts";
import type { Comparison, Distribution, Estimate } from "../evaluate/statistics.ts";
import type { KernelUse } from "../forward/kernel-use.ts";
import type { EvaluationOutline, EvaluationReport } from "../jobs/evaluation.types.ts";
import { PLAIN } from "../text/colours.ts";
import {
  formatBytes,
  formatCosine,
  formatCount,
  formatDuration,
  formatError,
  formatInteger,
  formatThings,
} from "../text/format-number.ts";
import { printable } from "../text/printable.ts";
import { textTable, type Column, type TableOptions } from "../text/text-table.ts";
import { encodingName } from "./inspection-text.ts";
import { warningsText } from "./reasons-text.ts";

const number = (value: number): string => value.toFixed(6);
const percent = (value: number): string => `${(100 * value).toFixed(3)}%`;
const estimate = ({ value, error }: Estimate, format = number): string => `${format(value)} ± ${format(error)}`;

function lines(pairs: readonly (readonly [title: string, text: string])[]): string {
  const width = Math.max(...pairs.map(([title]) => title.length));
  return pairs.map(([title, text]) => `${title.padEnd(width)}  ${printable(text)}`).join("\n");
}

function perplexityText({ perplexity, comparison }: EvaluationReport): string {
  if (comparison === undefined) return lines([["perplexity", estimate(perplexity)]]);
  const { basePerplexity, correlation, logRatio, ratio, difference, sameTop } = comparison;
  return lines([
    ["perplexity", estimate(perplexity)],
    ["of the original", estimate(basePerplexity)],
    ["correlation of ln p", percent(correlation)],
    ["ln of the ratio", estimate(logRatio)],
    ["ratio", estimate(ratio)],
    ["difference", estimate(difference)],
    ["same top token", estimate(sameTop, percent)],
  ]);
}

interface DistributionRow {
  readonly title: string;
  readonly divergence: string;
  readonly deltaP: string;
}

function distributionRows({ divergence, deltaP }: Comparison): readonly DistributionRow[] {
  const row = (title: string, of: (distribution: Distribution) => number): DistributionRow => ({
    title,
    divergence: number(of(divergence)),
    deltaP: percent(of(deltaP)),
  });
  return [
    { title: "mean", divergence: estimate(divergence.mean), deltaP: estimate(deltaP.mean, percent) },
    { title: "root mean square", divergence: "", deltaP: estimate(deltaP.rootMeanSquare, percent) },
    row("maximum", ({ maximum }) => maximum),
    ...divergence.percentiles.map(({ percent: share }, i) =>
      row(share === 50 ? "median" : `${share}%`, ({ percentiles }) => percentiles[i]!.value),
    ),
    row("minimum", ({ minimum }) => minimum),
  ];
}

const DISTRIBUTION_COLUMNS: readonly Column<DistributionRow>[] = [
  { title: "", cell: ({ title }) => title },
  { title: "KL divergence", cell: ({ divergence }) => divergence },
  { title: "change of p", cell: ({ deltaP }) => deltaP },
];

const LAYER_COLUMNS: readonly Column<LayerError>[] = [
  { title: "hidden state", cell: ({ layer }) => (layer === 0 ? "embedding" : `layer ${layer}`) },
  { title: "NMSE", cell: ({ relativeError }) => formatError(relativeError), align: "right" },
  { title: "cosine", cell: ({ cosine }) => formatCosine(cosine), align: "right" },
];

const KERNEL_COLUMNS: readonly Column<KernelUse>[] = [
  { title: "type", cell: (use) => encodingName(use) },
  {
    title: "multiplied",
    cell: ({ activations }) => (activations === "f32" ? "in f32" : `by its kernel, with ${activations} activations`),
  },
  { title: "matrices", cell: ({ matrices }) => String(matrices), align: "right" },
  { title: "weights", cell: ({ weights }) => formatCount(weights), align: "right" },
];

/** Which text, which original: the first lines of reports and outlines. */
function sourceFacts(report: EvaluationReport | EvaluationOutline): (readonly [string, string])[] {
  const { text, baseLogits, against, windows, context } = report;
  const size = `${formatThings(windows, "window")} of ${context} tokens`;
  return [
    ["text", text === undefined ? `${size}, from ${baseLogits}` : `${text}, ${size}`],
    ["original", against ?? baseLogits ?? "none"],
  ];
}

/** The evaluation, for people. */
export function evaluationText(report: EvaluationReport, options: TableOptions = {}): string {
  const { comparison, layers, kernels, warnings, scored, seconds, threads, savedLogits } = report;
  const parts = [
    perplexityText(report),
    comparison === undefined ? "" : textTable(DISTRIBUTION_COLUMNS, distributionRows(comparison), options),
    layers.length === 0 ? "" : textTable(LAYER_COLUMNS, layers, options),
    textTable(KERNEL_COLUMNS, kernels, options),
    warningsText(warnings, options.colours ?? PLAIN),
    lines([
      ...sourceFacts(report),
      ["scored", `${formatInteger(scored)} tokens`],
      ["time", `${formatDuration(seconds)}, ${formatThings(threads, "thread")}`],
      ...(savedLogits === undefined ? [] : [["logits", savedLogits] as const]),
    ]),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

/** An evaluation in one line, for reports of conversions. */
export function evaluationFact({ perplexity, comparison }: EvaluationReport): string {
  if (comparison === undefined) return `perplexity ${perplexity.value.toFixed(4)}`;
  const { basePerplexity, divergence, sameTop } = comparison;
  return (
    `perplexity ${basePerplexity.value.toFixed(4)} -> ${perplexity.value.toFixed(4)}, ` +
    `KL divergence ${formatError(divergence.mean.value)}, same top token ${percent(sameTop.value)}`
  );
}

/** What an evaluation will take, for people. */
export function evaluationOutlineText(outline: EvaluationOutline, options: TableOptions = {}): string {
  const { kernels, warnings, threads, plannedMemory, plannedDisk, logitsBytes, estimatedSeconds } = outline;
  const parts = [
    textTable(KERNEL_COLUMNS, kernels, options),
    warningsText(warnings, options.colours ?? PLAIN),
    lines([
      ...sourceFacts(outline),
      ["memory", `${formatBytes(plannedMemory)}, ${formatThings(threads, "thread")}`],
      ["disk", plannedDisk === 0 ? "none" : `${formatBytes(plannedDisk)} for a temporary file`],
      ...(logitsBytes === undefined ? [] : [["logits", formatBytes(logitsBytes)] as const]),
      ["time", `about ${formatDuration(estimatedSeconds)}`],
    ]),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}
