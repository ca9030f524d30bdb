/** Bounds on what an evaluation may find, and the error that says which was missed. */
import { QuantizeError } from "../errors.ts";
import type { Comparison } from "./statistics.ts";

export interface EvaluationBudget {
  /** Most mean divergence from the original, in nats. */
  readonly maxKld?: number;
  /** Least share of tokens for which both find the same one most probable, 0 to 1. */
  readonly minSameTop?: number;
  /** Most perplexity over the original's. */
  readonly maxPplRatio?: number;
}

export function hasBudget({ maxKld, minSameTop, maxPplRatio }: EvaluationBudget): boolean {
  return [maxKld, minSameTop, maxPplRatio].some((bound) => bound !== undefined);
}

/**
 * @param report kept as the error's cause, so that callers can show what was measured
 * @throws QuantizeError `budget`
 */
export function requireEvaluation(
  input: string,
  { divergence, sameTop, ratio }: Comparison,
  { maxKld = Infinity, minSameTop = -Infinity, maxPplRatio = Infinity }: EvaluationBudget,
  report: unknown,
): void {
  const digits = (value: number): string => value.toPrecision(4);
  // Written so that a NaN misses its bound.
  const missed = [
    ...(divergence.mean.value <= maxKld
      ? []
      : [`KL divergence ${digits(divergence.mean.value)}, at most ${maxKld} allowed`]),
    ...(sameTop.value >= minSameTop
      ? []
      : [`same top token ${digits(sameTop.value)}, at least ${minSameTop} required`]),
    ...(ratio.value <= maxPplRatio ? [] : [`perplexity ratio ${digits(ratio.value)}, at most ${maxPplRatio} allowed`]),
  ];
  if (missed.length > 0) throw new QuantizeError("budget", `${input}: ${missed.join("; ")}`, { cause: report });
}
