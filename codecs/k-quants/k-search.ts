/**
 * The searches behind the K-quants: which scale (and minimum) makes the codes of one group err least.
 * `k-refine.ts` and `k-positive.ts` hold two more, under the same rules.
 *
 * ggml's bytes depend on every rounding, so the order of operations here is part of the definition: all arithmetic is
 * f32, each operation rounded, sums taken in order of the weights, `a*b*c` as `(a*b)*c`, no fused multiply-add.
 * Definition: ggml's `make_qkx2_quants`/`make_qkx3_quants` (scale and minimum) and `make_qx_quants` (signed scale).
 *
 * NaN: comparisons with it are false and its nearest integer is 0, whatever its payload. Weights that are
 * NaN or infinite therefore encode to the same bytes everywhere.
 */

const fround = Math.fround;

const float = new Float32Array(1);
const word = new Int32Array(float.buffer);

/** Adding this to an f32 below 2^22 in magnitude leaves the nearest integer (ties to even) in the low bits. */
const ROUNDING_BIAS = 12582912;
const ROUNDING_LIMIT = 4194304;

/** Groups whose largest magnitude is below this count as zero. */
export const SMALLEST_GROUP = fround(1e-15);

/**
 * The nearest integer of an f32, ties to even, for |x| below 2^22. Beyond, the low 23 bits of the biased sum, as in
 * ggml: arbitrary but defined; infinities give -2^22, NaN gives 0.
 */
export function nearestInt(x: number): number {
  if (x > -ROUNDING_LIMIT && x < ROUNDING_LIMIT) return fround(x + ROUNDING_BIAS) - ROUNDING_BIAS;
  if (x !== x) return 0;
  float[0] = x + ROUNDING_BIAS;
  return (word[0]! & 0x007fffff) - 0x00400000;
}

/** `nearestInt` limited to [low, high]. */
export function nearestCode(x: number, low: number, high: number): number {
  const nearest = nearestInt(x);
  return nearest < low ? low : nearest > high ? high : nearest;
}

/** The grid of a scale-and-minimum search: steps + 1 candidates of `(first + step * i + maxCode) / (max - min)`. */
export interface ScaleMinSearch {
  /** Codes run from 0 to this. */
  readonly maxCode: number;
  readonly first: number;
  readonly step: number;
  readonly steps: number;
  /** The error is a sum of magnitudes instead of squares. */
  readonly isAbsolute: boolean;
}

const candidateCodes = new Uint8Array(32);

/**
 * Finds scale and minimum of one group, x ~ scale * code - minimum, starting from the range of the group and improving
 * it by weighted linear regression on the codes of each candidate. The minimum is never negative.
 * @param x weights; the group is x[start] ... x[start + count - 1]
 * @param errorWeights `count` factors of the squared (or absolute) errors
 * @param codes receives the codes at the group's place in the super-block, `codes[at]` onward
 * @param scales receives the scale at `group`
 * @param mins receives the minimum at `group`
 */
export function searchScaleAndMin(
  x: Float32Array,
  start: number,
  count: number,
  errorWeights: Float32Array,
  search: ScaleMinSearch,
  codes: Uint8Array,
  at: number,
  scales: Float32Array,
  mins: Float32Array,
  group: number,
): void {
  const { maxCode, first, step, steps, isAbsolute } = search;
  let min = x[start]!;
  let max = min;
  let sumW = errorWeights[0]!;
  let sumX = fround(sumW * min);
  for (let i = 1; i < count; i++) {
    const value = x[start + i]!;
    if (value < min) min = value;
    if (value > max) max = value;
    const w = errorWeights[i]!;
    sumW = fround(sumW + w);
    sumX = fround(sumX + fround(w * value));
  }
  if (min > 0) min = 0;
  if (max === min) {
    codes.fill(0, at, at + count);
    scales[group] = 0;
    mins[group] = -min;
    return;
  }

  const inverse = fround(maxCode / fround(max - min));
  let scale = fround(1 / inverse);
  for (let i = 0; i < count; i++)
    codes[at + i] = nearestCode(fround(inverse * fround(x[start + i]! - min)), 0, maxCode);
  let bestError = groupError(x, start, count, errorWeights, codes, at, scale, min, isAbsolute);

  for (let i = 0; i <= steps; i++) {
    // The minimum is that of the best candidate so far, so candidates depend on each other.
    const inverse = fround(fround(fround(first + fround(step * i)) + maxCode) / fround(max - min));
    let sumL = 0;
    let sumL2 = 0;
    let sumXL = 0;
    for (let j = 0; j < count; j++) {
      const value = x[start + j]!;
      const code = nearestCode(fround(inverse * fround(value - min)), 0, maxCode);
      candidateCodes[j] = code;
      const wl = fround(errorWeights[j]! * code);
      sumL = fround(sumL + wl);
      sumL2 = fround(sumL2 + fround(wl * code));
      sumXL = fround(sumXL + fround(wl * value));
    }
    const determinant = fround(fround(sumW * sumL2) - fround(sumL * sumL));
    if (!(determinant > 0)) continue;
    let newScale = fround(fround(fround(sumW * sumXL) - fround(sumX * sumL)) / determinant);
    let newMin = fround(fround(fround(sumL2 * sumX) - fround(sumL * sumXL)) / determinant);
    if (newMin > 0) {
      newMin = 0;
      newScale = fround(sumXL / sumL2);
    }
    const error = groupError(x, start, count, errorWeights, candidateCodes, 0, newScale, newMin, isAbsolute);
    if (error < bestError) {
      for (let j = 0; j < count; j++) codes[at + j] = candidateCodes[j]!;
      bestError = error;
      scale = newScale;
      min = newMin;
    }
  }
  scales[group] = scale;
  mins[group] = -min;
}

function groupError(
  x: Float32Array,
  start: number,
  count: number,
  errorWeights: Float32Array,
  codes: Uint8Array,
  at: number,
  scale: number,
  min: number,
  isAbsolute: boolean,
): number {
  let error = 0;
  for (let i = 0; i < count; i++) {
    const difference = fround(fround(fround(scale * codes[at + i]!) + min) - x[start + i]!);
    const cost = isAbsolute ? Math.abs(difference) : fround(difference * difference);
    error = fround(error + fround(errorWeights[i]! * cost));
  }
  return error;
}

/** Index of the value of largest magnitude in the group, the first of equals; -1 when all are zero or NaN. */
export function indexOfLargest(x: Float32Array, start: number, count: number): number {
  let largest = 0;
  let index = -1;
  for (let i = start; i < start + count; i++) {
    const magnitude = Math.abs(x[i]!);
    if (magnitude > largest) {
      largest = magnitude;
      index = i;
    }
  }
  return index;
}

/** The step of all grids of integers: candidates lie tenths of a code apart. */
export const TENTH = fround(0.1);

/** Candidates are `-(range + 0.1 * i) / extreme` for i = -9 ... 9. */
const SIGNED_STEPS = 9;

/**
 * Finds the signed scale of one group, x ~ scale * (code - range), codes 0 ... 2 * range - 1. The value of largest
 * magnitude maps near code 0, so the scale has the opposite sign.
 * @param errorWeights factors of the squared errors from `errorWeightStart` on; absent: the squares of the values
 * @param codes receives the codes from `at` on; a zero group gets code 0
 * @returns the scale, 0 for a zero group
 */
export function searchSignedScale(
  x: Float32Array,
  start: number,
  count: number,
  range: number,
  errorWeights: Float32Array | undefined,
  errorWeightStart: number,
  codes: Uint8Array,
  at: number,
): number {
  const largest = indexOfLargest(x, start, count);
  if (largest < 0 || Math.abs(x[largest]!) < SMALLEST_GROUP) {
    codes.fill(0, at, at + count);
    return 0;
  }
  const extreme = x[largest]!;
  let scale = 0;
  let best = 0;
  for (let step = -SIGNED_STEPS - 1; step <= SIGNED_STEPS; step++) {
    // The plain scale comes first, and has no second turn in the middle.
    const isFirst = step < -SIGNED_STEPS;
    if (step === 0) continue;
    const inverse = isFirst ? fround(-range / extreme) : fround(-fround(range + fround(TENTH * step)) / extreme);
    let sumLX = 0;
    let sumL2 = 0;
    for (let i = 0; i < count; i++) {
      const value = x[start + i]!;
      const level = nearestCode(fround(inverse * value), -range, range - 1);
      const w = errorWeights === undefined ? fround(value * value) : errorWeights[errorWeightStart + i]!;
      sumLX = fround(sumLX + fround(fround(w * value) * level));
      sumL2 = fround(sumL2 + fround(fround(w * level) * level));
    }
    if (isFirst ? true : sumL2 > 0 && fround(sumLX * sumLX) > fround(best * sumL2)) {
      for (let i = 0; i < count; i++) {
        codes[at + i] = nearestCode(fround(inverse * x[start + i]!), -range, range - 1) + range;
      }
      scale = sumL2 !== 0 ? fround(sumLX / sumL2) : 0;
      best = fround(scale * sumLX);
    }
  }
  return scale;
}
