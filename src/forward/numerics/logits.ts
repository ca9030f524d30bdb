/**
 * A row of logits as a distribution: its logarithm, llama.cpp's 16-bit coding of it, and its divergence from another.
 *
 * Definitions: llama-perplexity (tools/perplexity in llama.cpp). Exponentials are f32, their sums f64 in two chains, of
 * even and of odd elements. logits.simd.ts is the twin.
 */
import { naturalLogarithm } from "./elementary.ts";
import { expF32 } from "./exp-f32.ts";

const { fround } = Math;

/** Log probabilities are coded within so much of the greatest. */
const CODED_RANGE = 16;
const GREATEST_CODE = 65535;
/** Codes with a log probability below this do not enter a divergence. */
const LEAST_LOG = -16;

/** 16-bit words before the codes of a coded row. */
export const CODED_HEAD = 4;

/** 16-bit words of a coded row: scale and least log probability (f32 each), then a code for each token, padded. */
export function codedRowLength(vocabulary: number): number {
  return 2 * Math.floor((vocabulary + 1) / 2) + CODED_HEAD;
}

export interface RowSummary {
  readonly largest: number;
  /** Index of the largest, the first of equals. */
  readonly top: number;
  readonly least: number;
  /** ln of the sum of e^(logit - largest). */
  readonly logSum: number;
}

/** Sum of e^(logit - largest). */
export function sumExponentials(logits: Float32Array, largest: number): number {
  const sums = [0, 0];
  for (let i = 0; i < logits.length; i++) sums[i & 1]! += expF32(fround(logits[i]! - largest));
  return sums[0]! + sums[1]!;
}

/** @param sum `sumExponentials`, or its twin. NaN logits give a `largest` or `logSum` of NaN */
export function summarize(logits: Float32Array, sum: typeof sumExponentials = sumExponentials): RowSummary {
  let top = 0;
  let least = logits[0]!;
  for (let i = 1; i < logits.length; i++) {
    if (logits[i]! > logits[top]!) top = i;
    if (logits[i]! < least) least = logits[i]!;
  }
  const largest = logits[top]!;
  return { largest, top, least, logSum: naturalLogarithm(sum(logits, largest)) };
}

/** Codes a row as llama.cpp's base logits file holds it. @param out `codedRowLength` words */
export function codeRow(logits: Float32Array, { largest, least, logSum }: RowSummary, out: Uint16Array): void {
  const low = Math.max(least, fround(largest - CODED_RANGE));
  const scale = fround(fround(largest - low) / GREATEST_CODE);
  const head = new Float32Array([scale, fround(fround(low - largest) - fround(logSum))]);
  out.set(new Uint16Array(head.buffer));
  out.fill(0, CODED_HEAD);
  if (scale === 0) return;
  for (let i = 0; i < logits.length; i++) {
    if (!(logits[i]! > low)) continue;
    const code = fround(fround(logits[i]! - low) / scale);
    const down = Math.floor(code);
    const rest = code - down;
    out[CODED_HEAD + i] = rest > 0.5 || (rest === 0.5 && down % 2 === 1) ? down + 1 : down;
  }
}

/** Scale and least log probability of a coded row. */
export function codedHead(row: Uint16Array): { readonly scale: number; readonly least: number } {
  const head = new Float32Array(row.slice(0, CODED_HEAD).buffer);
  return { scale: head[0]!, least: head[1]! };
}

/**
 * Divergence of a row from a coded one: sum over tokens of p (ln p - ln q), p the coded row's probabilities.
 * @param norm the row's largest logit plus its `logSum`
 */
export function divergence(coded: Uint16Array, logits: Float32Array, norm: number): number {
  const { scale, least } = codedHead(coded);
  const sums = [0, 0];
  for (let i = 0; i < logits.length; i++) {
    const logBase = fround(fround(scale * coded[CODED_HEAD + i]!) + least);
    if (!(logBase > LEAST_LOG)) continue;
    sums[i & 1]! += expF32(logBase) * (logBase - logits[i]! + norm);
  }
  return sums[0]! + sums[1]!;
}

/** The token of the greatest code, the first of equals. */
export function topOfCoded(row: Uint16Array, vocabulary: number): number {
  let top = 0;
  for (let i = 1; i < vocabulary; i++) if (row[CODED_HEAD + i]! > row[CODED_HEAD + top]!) top = i;
  return top;
}
