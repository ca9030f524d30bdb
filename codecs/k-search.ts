/**
 * The searches behind the K-quants: which scale (and minimum) makes the codes of one group err least.
 *
 * ggml's bytes depend on every rounding, so the order of operations here is part of the definition: all arithmetic is
 * f32, each operation rounded, sums taken in order of the weights, `a*b*c` as `(a*b)*c`, no fused multiply-add.
 * Definition: ggml's `make_qkx2_quants`/`make_qkx3_quants` (scale and minimum), `make_qx_quants` (signed scale),
 * `make_q3_quants` (signed scale, one code at a time), `make_qp_quants` (scale of positive numbers).
 *
 * NaN: comparisons with it are false and its nearest integer is 0, whatever its payload. Weights that are
 * NaN or infinite therefore encode to the same bytes everywhere.
 */

const fround = Math.fround;

const float = new Float32Array(1);
const word = new Int32Array(float.buffer);

/** Adding this to an f32 below 2^22 in magnitude leaves the nearest integer (ties to even) in the low bits. */
const ROUNDING_BIAS = 12582912;

/** Groups whose largest magnitude is below this count as zero. */
export const SMALLEST_GROUP = fround(1e-15);

/**
 * The nearest integer of an f32, ties to even, for |x| below 2^22. Beyond, the low 23 bits of the biased sum, as in
 * ggml: arbitrary but defined; infinities give -2^22, NaN gives 0.
 */
export function nearestInt(x: number): number {
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
 * @param weights `count` weights of the error
 * @param codes receives the codes at the group's place in the super-block, `codes[at]` onward
 * @param scales receives the scale at `group`
 * @param mins receives the minimum at `group`
 */
export function searchScaleAndMin(
  x: Float32Array,
  start: number,
  count: number,
  weights: Float32Array,
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
  let sumW = weights[0]!;
  let sumX = fround(sumW * min);
  for (let i = 1; i < count; i++) {
    const value = x[start + i]!;
    if (value < min) min = value;
    if (value > max) max = value;
    const w = weights[i]!;
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
  let bestError = groupError(x, start, count, weights, codes, at, scale, min, isAbsolute);

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
      const wl = fround(weights[j]! * code);
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
    const error = groupError(x, start, count, weights, candidateCodes, 0, newScale, newMin, isAbsolute);
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
  weights: Float32Array,
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
    error = fround(error + fround(weights[i]! * cost));
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

/** Candidates are `-(range + 0.1 * i) / extreme` for i = -9 ... 9. */
const SIGNED_STEPS = 9;
const TENTH = fround(0.1);

/**
 * Finds the signed scale of one group, x ~ scale * (code - range), codes 0 ... 2 * range - 1. The value of largest
 * magnitude maps near code 0, so the scale has the opposite sign.
 * @param weights weights of the error from `weightStart` on; absent: the squares of the values
 * @param codes receives the codes from `at` on; a zero group gets code 0
 * @returns the scale, 0 for a zero group
 */
export function searchSignedScale(
  x: Float32Array,
  start: number,
  count: number,
  range: number,
  weights: Float32Array | undefined,
  weightStart: number,
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
      const w = weights === undefined ? fround(value * value) : weights[weightStart + i]!;
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

const levels = new Int8Array(16);

/**
 * Finds the signed scale of one group by moving one code at a time to where the regression wants it, at most five
 * rounds. Errors are weighted by the squares of the values.
 * @param codes receives the codes, 0 ... 2 * range - 1, from `at` on; a zero group gets code 0
 * @returns the scale, 0 for a zero group
 */
export function refineSignedScale(
  x: Float32Array,
  start: number,
  count: number,
  range: number,
  codes: Uint8Array,
  at: number,
): number {
  const largest = indexOfLargest(x, start, count);
  if (largest < 0 || Math.abs(x[largest]!) < SMALLEST_GROUP) {
    codes.fill(0, at, at + count);
    return 0;
  }
  const inverse = fround(-range / x[largest]!);
  let sumLX = 0;
  let sumL2 = 0;
  for (let i = 0; i < count; i++) {
    const value = x[start + i]!;
    const level = nearestCode(fround(inverse * value), -range, range - 1);
    levels[i] = level;
    const w = fround(value * value);
    sumLX = fround(sumLX + fround(fround(w * value) * level));
    sumL2 = fround(sumL2 + fround(fround(w * level) * level));
  }
  for (let round = 0, changed = 1; round < 5 && changed > 0; round++) {
    changed = 0;
    for (let i = 0; i < count; i++) {
      const value = x[start + i]!;
      const level = levels[i]!;
      const w = fround(value * value);
      const wx = fround(w * value);
      let restLX = fround(sumLX - fround(wx * level));
      if (!(restLX > 0)) continue;
      let restL2 = fround(sumL2 - fround(fround(w * level) * level));
      const newLevel = nearestCode(fround(fround(value * restL2) / restLX), -range, range - 1);
      if (newLevel === level) continue;
      restLX = fround(restLX + fround(wx * newLevel));
      restL2 = fround(restL2 + fround(fround(w * newLevel) * newLevel));
      const gain = fround(fround(restLX * restLX) * sumL2);
      if (restL2 > 0 && gain > fround(fround(sumLX * sumLX) * restL2)) {
        levels[i] = newLevel;
        sumLX = restLX;
        sumL2 = restL2;
        changed++;
      }
    }
  }
  for (let i = 0; i < count; i++) codes[at + i] = levels[i]! + range;
  return sumL2 > 0 ? fround(sumLX / sumL2) : 0;
}

/**
 * Finds the scale of numbers that are meant to be positive (the scales or minima of a super-block),
 * x ~ scale * code, first on a grid, then moving one code at a time.
 * A negative number ends at a code that wrapped around 256, as in ggml, where codes are bytes.
 * @param codes receives `x.length` codes, 0 ... maxCode when the numbers are positive
 * @returns the scale, 0 when all numbers are below `SMALLEST_GROUP`
 */
export function searchPositiveScale(
  x: Float32Array,
  maxCode: number,
  weights: Float32Array,
  codes: Uint8Array,
): number {
  const count = x.length;
  let max = 0;
  for (let i = 0; i < count; i++) max = max > x[i]! ? max : x[i]!; // a NaN is forgotten by the next number
  if (max < SMALLEST_GROUP) {
    codes.fill(0);
    return 0;
  }
  let inverse = fround(maxCode / max);
  let bestError = 0;
  for (let step = -5; step <= 4; step++) {
    const isFirst = step === -5;
    if (step === 0) continue;
    const candidate = isFirst ? inverse : fround(fround(fround(TENTH * step) + maxCode) / max);
    const scale = fround(1 / candidate);
    let error = 0;
    for (let i = 0; i < count; i++) {
      const nearest = nearestInt(fround(candidate * x[i]!));
      const code = isFirst ? nearest & 0xff : Math.min(maxCode, nearest);
      const difference = fround(x[i]! - fround(scale * code));
      error = fround(error + fround(fround(weights[i]! * difference) * difference));
    }
    if (isFirst || error < bestError) {
      bestError = error;
      inverse = candidate;
    }
  }
  let sumLX = 0;
  let sumL2 = 0;
  for (let i = 0; i < count; i++) {
    const code = Math.min(maxCode, nearestInt(fround(inverse * x[i]!)));
    codes[i] = code;
    const w = weights[i]!;
    sumLX = fround(sumLX + fround(fround(w * x[i]!) * code));
    sumL2 = fround(sumL2 + fround(fround(w * code) * code));
  }
  for (let round = 0, changed = 1; round < 5 && changed > 0; round++) {
    changed = 0;
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      const w = weights[i]!;
      const wx = fround(w * x[i]!);
      let restLX = fround(sumLX - fround(wx * code));
      let restL2 = fround(sumL2 - fround(fround(w * code) * code));
      if (!(restLX > 0 && restL2 > 0)) continue;
      const newCode = Math.min(maxCode, nearestInt(fround(fround(x[i]! * restL2) / restLX)));
      if (newCode === code) continue;
      restLX = fround(restLX + fround(wx * newCode));
      restL2 = fround(restL2 + fround(fround(w * newCode) * newCode));
      if (fround(fround(restLX * restLX) * sumL2) > fround(fround(sumLX * sumLX) * restL2)) {
        codes[i] = newCode;
        sumLX = restLX;
        sumL2 = restL2;
        changed++;
      }
    }
  }
  return sumL2 > 0 ? fround(sumLX / sumL2) : 0;
}
