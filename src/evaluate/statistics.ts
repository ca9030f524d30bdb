/**
 * What the scored tokens of an evaluation say together: perplexity, divergence from the original, agreement.
 *
 * Definitions: llama-perplexity (tools/perplexity in llama.cpp): means over all scored tokens with the standard error of
 * the mean, percentiles interpolated linearly at f (n - 1) of the sorted values.
 */
import { exponential } from "../forward/numerics/elementary.ts";
import { DELTA_P, DIVERGENCE, NLL, NLL_BASE, SAME_TOP, TOKEN_STATS } from "../forward/programs/score.ts";

/** A mean with its standard error. */
export interface Estimate {
  readonly value: number;
  readonly error: number;
}

/** Percentiles that are told, in percent. */
export const PERCENTILES = [99.9, 99, 95, 90, 75, 50, 25, 10, 5, 1, 0.1] as const;

/** How values lie. */
export interface Distribution {
  readonly mean: Estimate;
  readonly maximum: number;
  readonly minimum: number;
  /** From the greatest down: so many percent of the values are at most `value`. */
  readonly percentiles: readonly { readonly percent: number; readonly value: number }[];
}

/** A model beside its original. */
export interface Comparison {
  readonly basePerplexity: Estimate;
  /** Of the two -ln p. */
  readonly correlation: number;
  /** Of perplexities: ln(tested / original), tested / original, tested - original. */
  readonly logRatio: Estimate;
  readonly ratio: Estimate;
  readonly difference: Estimate;
  /** Kullback-Leibler divergence of the original's distribution from the tested one, in nats. */
  readonly divergence: Distribution;
  /** Change of the probability of the true token, from -1 to 1. */
  readonly deltaP: Distribution & { readonly rootMeanSquare: Estimate };
  /** Share of tokens for which both find the same one most probable. */
  readonly sameTop: Estimate;
}

export interface Statistics {
  readonly scored: number;
  readonly perplexity: Estimate;
  readonly comparison?: Comparison;
}

/** Mean and variance-based error of values. */
function estimate(values: ArrayLike<number>): Estimate {
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    squares += values[i]! * values[i]!;
  }
  const n = values.length;
  const value = sum / n;
  return { value, error: n < 2 ? 0 : Math.sqrt(Math.max(0, (squares / n - value * value) / (n - 1))) };
}

function covariance(a: ArrayLike<number>, b: ArrayLike<number>, meanA: number, meanB: number): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return a.length < 2 ? 0 : (sum / a.length - meanA * meanB) / (a.length - 1);
}

/** Value at a fraction of the sorted ones. */
export function percentile(sorted: ArrayLike<number>, fraction: number): number {
  const place = fraction * (sorted.length - 1);
  const below = Math.floor(place);
  if (below >= sorted.length - 1) return sorted[sorted.length - 1]!;
  return sorted[below]! + (place - below) * (sorted[below + 1]! - sorted[below]!);
}

function distribution(values: Float64Array): Distribution {
  const sorted = Float64Array.from(values).sort();
  return {
    mean: estimate(values),
    maximum: sorted.at(-1)!,
    minimum: sorted[0]!,
    percentiles: PERCENTILES.map((percent) => ({ percent, value: percentile(sorted, percent / 100) })),
  };
}

function perplexityOf(nll: Estimate): Estimate {
  const value = exponential(nll.value);
  return { value, error: value * nll.error };
}

/** One kind of number out of `TOKEN_STATS` for each token. */
function column(stats: Float64Array, place: number): Float64Array {
  return Float64Array.from({ length: stats.length / TOKEN_STATS }, (_, token) => stats[token * TOKEN_STATS + place]!);
}

/** @param stats `TOKEN_STATS` numbers of each scored token, at least one token */
export function statisticsOf(stats: Float64Array, isCompared: boolean): Statistics {
  const nll = column(stats, NLL);
  const tested = estimate(nll);
  const result = { scored: nll.length, perplexity: perplexityOf(tested) };
  if (!isCompared) return result;
  const baseNll = column(stats, NLL_BASE);
  const base = estimate(baseNll);
  const shared = covariance(nll, baseNll, tested.value, base.value);
  const [perplexity, basePerplexity] = [perplexityOf(tested), perplexityOf(base)];
  const logRatio = {
    value: tested.value - base.value,
    error: Math.sqrt(Math.max(0, tested.error ** 2 + base.error ** 2 - 2 * shared)),
  };
  const ratio = exponential(logRatio.value);
  const differenceError =
    perplexity.error ** 2 + basePerplexity.error ** 2 - 2 * perplexity.value * basePerplexity.value * shared;
  const deltas = column(stats, DELTA_P);
  const meanSquare = estimate(deltas.map((delta) => delta * delta));
  const rootMeanSquare = Math.sqrt(meanSquare.value);
  const same = column(stats, SAME_TOP).reduce((sum, flag) => sum + flag, 0) / nll.length;
  return {
    ...result,
    comparison: {
      basePerplexity,
      correlation: tested.error === 0 || base.error === 0 ? 1 : shared / (tested.error * base.error),
      logRatio,
      ratio: { value: ratio, error: ratio * logRatio.error },
      difference: {
        value: perplexity.value - basePerplexity.value,
        error: Math.sqrt(Math.max(0, differenceError)),
      },
      divergence: distribution(column(stats, DIVERGENCE)),
      deltaP: {
        ...distribution(deltas),
        rootMeanSquare: {
          value: rootMeanSquare,
          error: rootMeanSquare === 0 ? 0 : (0.5 * meanSquare.error) / rootMeanSquare,
        },
      },
      sameTop: { value: same, error: nll.length < 2 ? 0 : Math.sqrt((same * (1 - same)) / (nll.length - 1)) },
    },
  };
}
