/**
 * The codebook encoder: for each group the level, table and codes of least (importance-weighted) squared error, found
 * by a search over all tables. This is the definition; codebook.simd.ts is its twin and gives the same bytes.
 *
 * A group is divided by its largest weight m (mirrored, so that the largest is positive, where negative levels exist).
 *  1. For each trial scale, the sum of rows `errors[bin of weight j]` is the error of every table; divided by the
 *     square of the scale, so that trials compare. Tables t, t+16, t+32, ... compete in lane t mod 16 over all trials
 *     (with 16 tables or fewer, lane (t + trial * tables) mod 16); the best of the sixteen winners are refined. A
 *     negative trial scale mirrors the group.
 *  2. Refining: codes at the trial scale (of single weights: rounded to whole entries, which is enough for a scale), the
 *     least-squares scale for them, the nearest level, codes at that level, and the error at that level. The least error
 *     wins, the earlier candidate on a tie.
 *
 * Arithmetic: weights in table units are rounded to 1/64 entry (ties to even) and everything unweighted that follows
 * is exact in integers; differences are limited to +-5791/64 entries so that 64 squares fit 31 bits. Importance enters
 * as 8-bit fractions of the group's largest in step 1, and in f32, in four partial sums, in step 2.
 */
import type { EncodeOptions } from "../codec.ts";
import { packCodes, type CodeShape } from "./codebook-codes.ts";
import { FAR, WORD } from "./codebook-prepare.ts";

const LANES = 16;
/** More than any sum of errors. */
const NONE = 0x7fff;
/** Fixed point of weights in table units. */
const FRACTION = 64;
/** Weights in table units are limited to this: twice the largest entry. */
const MAX_UNITS = 16383;
const MAX_DIFFERENCE = 5791;
/** Groups whose largest weight is below this are encoded as zero: their reciprocal may overflow. */
const TINY = 2 ** -100;

/** Adding and subtracting this rounds an f32 below 2^22 to the nearest integer, ties to even. */
const ROUNDER = 12582912;
const { fround } = Math;

function nearest(value: number): number {
  return fround(fround(value + ROUNDER) - ROUNDER);
}

/** A group's encoding, as the searcher leaves it. */
export interface GroupResult {
  level: number;
  table: number;
  readonly codes: Uint8Array;
  /** The squared error, in units of 1/4096, weighted by the importance where there is one. */
  error: number;
  /** The scale before it was rounded to a level: weight = scale * entry. 0 for a group of zeros. */
  scale: number;
}

/**
 * Makes the search for a prepared codebook.
 * @returns a function that searches one group and leaves its answer in `result`. In an image
 *   without levels the scale is not rounded (the fit uses this) and `level` is meaningless.
 */
export function groupSearch(image: Uint8Array): {
  readonly search: (src: Float32Array, at: number, importance?: Float32Array, from?: number) => void;
  readonly result: GroupResult;
} {
  const header = new Int32Array(image.buffer, image.byteOffset, 64);
  const floats = new Float32Array(image.buffer, image.byteOffset, 64);
  const word = (name: keyof typeof WORD): number => header[WORD[name]]!;
  const groupSize = word("groupSize");
  const points = word("points");
  const dimension = word("dimension");
  const stride = word("stride");
  const tableCount = word("tableCount");
  const bins = word("bins");
  const trials = word("trials");
  const levelCount = word("levelCount");
  const zeroLevel = word("zeroLevel");
  const freeLevels = word("freeLevels") === 1;
  const half = bins / 2;
  const tables = new Int8Array(image.buffer, image.byteOffset + word("tables"), 256 * points * dimension);
  const levels = new Float32Array(image.buffer, image.byteOffset + word("levels"), 256);
  const thresholds = new Int16Array(image.buffer, image.byteOffset + word("thresholds"), 256 * points);
  const unitThresholds = new Int8Array(image.buffer, image.byteOffset + word("unitThresholds"), 256 * points);
  const errors = new Uint8Array(image.buffer, image.byteOffset + word("errors"), bins ** dimension * stride);

  const x = new Float32Array(groupSize);
  const v = new Float32Array(groupSize);
  const v8 = new Int32Array(groupSize);
  const units = new Int32Array(groupSize);
  const codeCount = groupSize / dimension;
  const sums = new Int32Array(stride);
  const winnerSum = new Int32Array(LANES);
  const winner = new Int32Array(LANES);
  const codes = new Uint8Array(codeCount);
  const result: GroupResult = { level: 0, table: 0, codes: new Uint8Array(codeCount), scale: 0, error: 0 };
  let weighted = false;

  /** All tables' errors at one trial scale; winners of lanes are updated. */
  function tryScale(trial: number): void {
    const trialScale = floats[WORD.trialScale + trial]!;
    const inner = floats[WORD.innerBins]!;
    const outer = floats[WORD.outerBins]!;
    const offset = floats[WORD.binOffset]!;
    sums.fill(0);
    for (let code = 0; code < codeCount; code++) {
      let row = 0;
      for (let d = dimension - 1; d >= 0; d--) {
        const value = fround(x[code * dimension + d]! * trialScale);
        const magnitude = Math.abs(value);
        const near = fround(magnitude * inner);
        const far = fround(fround(magnitude * outer) + offset);
        const index = nearest(far < near ? far : near) | 0;
        const bin = (value < 0 ? -index : index) + half;
        row = row * bins + Math.max(0, Math.min(bins - 1, bin));
      }
      row *= stride;
      if (!weighted) {
        for (let t = 0; t < stride; t++) sums[t]! += errors[row + t]!;
      } else {
        const share = dimension === 1 ? v8[code]! : (v8[2 * code]! + v8[2 * code + 1]! + 1) >> 1;
        for (let t = 0; t < stride; t++) sums[t]! += errors[row + t]! * share;
      }
    }
    // With few tables there are lanes to spare: other trials take those.
    const shift = stride === LANES ? trial * tableCount : 0;
    for (let t = 0; t < tableCount; t++) {
      // 15 bits: errors in 1/128, saturated.
      const fixed = weighted ? Math.min(sums[t]!, 0xffff) >> 1 : Math.min(sums[t]!, FAR) << 7;
      const sum = (fixed * header[WORD.trialFactor + trial]! + 0x4000) >> 15;
      const lane = (t + shift) & (LANES - 1);
      if (sum < winnerSum[lane]!) {
        winnerSum[lane] = sum;
        winner[lane] = trial * 256 + t;
      }
    }
  }

  /** Weights in 1/64 table units. */
  function toUnits(scale: number): void {
    for (let j = 0; j < groupSize; j++) {
      const u = fround(x[j]! * scale);
      const limited = u > -MAX_UNITS ? u : -MAX_UNITS;
      units[j] = nearest(limited < MAX_UNITS ? limited : MAX_UNITS);
    }
  }

  /** The nearest code of every weight or pair; the lower code on a tie of weights, the earlier point on a tie of pairs. */
  function assign(table: number): void {
    if (dimension === 1) {
      const at = table * points;
      for (let j = 0; j < codeCount; j++) {
        let code = 0;
        while (code < points - 1 && units[j]! > thresholds[at + code]!) code++;
        codes[j] = code;
      }
      return;
    }
    const at = table * points * 2;
    for (let j = 0; j < codeCount; j++) {
      let most = -0x80000000;
      for (let q = 0; q < points; q++) {
        const px = tables[at + q]!;
        const py = tables[at + points + q]!;
        const score = units[2 * j]! * px + units[2 * j + 1]! * py - (px * px + py * py) * (FRACTION / 2);
        if (score > most) {
          most = score;
          codes[j] = q;
        }
      }
    }
  }

  /** The same for weights in whole table units. */
  function assignRoughly(table: number): void {
    const at = table * points;
    for (let j = 0; j < codeCount; j++) {
      const unit = Math.max(-128, Math.min(127, units[j]!));
      let code = 0;
      for (let q = 0; q < points - 1; q++) if (unit > unitThresholds[at + q]!) code++;
      codes[j] = code;
    }
  }

  function entry(table: number, j: number): number {
    return dimension === 1
      ? tables[table * points + codes[j]!]!
      : tables[(table * 2 + (j & 1)) * points + codes[j >> 1]!]!;
  }

  const partial = new Float32Array(8);
  function total(at: number): number {
    return fround(fround(partial[at]! + partial[at + 1]!) + fround(partial[at + 2]! + partial[at + 3]!));
  }

  /** Least-squares factor from the present units to the table: sum(u T) / sum(T T), in units of 1/64. */
  function leastSquares(table: number): number {
    let ut = 0;
    let tt = 0;
    if (weighted) {
      partial.fill(0);
      for (let j = 0; j < groupSize; j++) {
        const T = entry(table, j);
        partial[j & 3] = fround(partial[j & 3]! + fround(fround(units[j]! * T) * v[j]!));
        partial[4 + (j & 3)] = fround(partial[4 + (j & 3)]! + fround(fround(T * T) * v[j]!));
      }
      ut = total(0);
      tt = total(4);
    } else {
      for (let j = 0; j < groupSize; j++) {
        const T = entry(table, j);
        ut += units[j]! * T;
        tt += T * T;
      }
    }
    return tt > 0 && ut > 0 ? fround(fround(ut) / fround(tt)) : 0;
  }

  /** Squared error in squared units of 1/64 entry. */
  function squaredError(table: number): number {
    let sum = 0;
    if (weighted) partial.fill(0);
    for (let j = 0; j < groupSize; j++) {
      const difference = units[j]! - entry(table, j) * FRACTION;
      const d = Math.max(-MAX_DIFFERENCE, Math.min(MAX_DIFFERENCE, difference));
      if (weighted) partial[j & 3] = fround(partial[j & 3]! + fround(fround(d * d) * v[j]!));
      else sum += d * d;
    }
    return weighted ? total(0) : fround(sum);
  }

  /** The nearest level to `target` that is not zero and, where there is one, of the same sign; the lower one on a tie. */
  function nearestLevel(target: number): number {
    let low = 0;
    let high = levelCount;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (levels[middle]! < target) low = middle + 1;
      else high = middle;
    }
    let found = low;
    if (found === levelCount) found--;
    if (found > 0 && fround(target - levels[found - 1]!) <= fround(levels[found]! - target)) found--;
    if (levels[found] === 0) {
      if (target > 0 ? found + 1 < levelCount : found === 0) found = Math.min(found + 1, levelCount - 1);
      else if (found > 0) found--;
    }
    return found;
  }

  function takeZero(): void {
    const zero = word("zeroBlock");
    result.level = zero & 255;
    result.table = (zero >> 8) & 255;
    result.codes.fill(zero >> 16);
    result.scale = 0;
    result.error = 0;
  }

  function search(src: Float32Array, at: number, importance?: Float32Array, from = 0): void {
    let low = 0;
    let high = 0;
    for (let j = 0; j < groupSize; j++) {
      const w = src[at + j]!;
      if (w < low) low = w;
      if (w > high) high = w;
    }
    const largest = high < -low ? low : high;
    const magnitude = Math.abs(largest);
    const m = word("mirrored") === 1 ? largest : magnitude;
    takeZero();
    if (!(magnitude >= TINY && magnitude < Infinity)) return;
    const inverse = fround(1 / m);
    // NaN counts as zero.
    for (let j = 0; j < groupSize; j++) x[j] = src[at + j]! * inverse || 0;
    weighted = false;
    let importanceUnit = 1;
    if (importance !== undefined) {
      let most = 0;
      for (let j = 0; j < groupSize; j++) if (importance[from + j]! > most) most = importance[from + j]!;
      weighted = most >= TINY && most < Infinity;
      const share = fround(1 / most);
      if (weighted) {
        importanceUnit = most;
        for (let j = 0; j < groupSize; j++) {
          v[j] = importance[from + j]! * share;
          v8[j] = nearest(fround(v[j]! * 255));
        }
      }
    }
    winnerSum.fill(NONE);
    winner.fill(0);
    for (let trial = 0; trial < trials; trial++) tryScale(trial);

    let least = Infinity;
    for (let turn = word("refined"); turn > 0; turn--) {
      let lane = 0;
      for (let other = 1; other < LANES; other++) if (winnerSum[other]! < winnerSum[lane]!) lane = other;
      if (winnerSum[lane] === NONE) break;
      winnerSum[lane] = NONE;
      const table = winner[lane]! & 255;
      const trialScale = floats[WORD.trialScale + (winner[lane]! >> 8)]!;
      const roughScale = dimension === 1 ? trialScale : fround(trialScale * FRACTION);
      toUnits(roughScale);
      if (dimension === 1) assignRoughly(table);
      else assign(table);
      const factor = leastSquares(table);
      // weight = m * x, x * roughScale = units = factor * T: the weight is (m * factor / roughScale) * T.
      let scale = fround(fround(m * factor) / roughScale);
      if (!(Math.abs(scale) > 0 && Math.abs(scale) < Infinity)) scale = fround(m / trialScale);
      const level = freeLevels ? 0 : nearestLevel(scale);
      const used = freeLevels ? scale : levels[level]!;
      const perUnit = fround(used / m);
      if (!(perUnit !== 0)) continue;
      toUnits(fround(FRACTION / perUnit));
      assign(table);
      const error = fround(squaredError(table) * fround(perUnit * perUnit));
      if (error < least) {
        least = error;
        result.level = level;
        result.table = table;
        result.scale = used;
        result.error = fround(fround(error * fround(m * m)) * importanceUnit);
        result.codes.set(codes);
      }
    }
    if (zeroLevel >= 0 && !freeLevels) {
      // Groups far smaller than the smallest level are better off as zeros. Error in squared units of 1/64 of m.
      let zeroError = 0;
      toUnits(FRACTION);
      if (weighted) partial.fill(0);
      for (let j = 0; j < groupSize; j++) {
        const square = units[j]! * units[j]!;
        if (weighted) partial[j & 3] = fround(partial[j & 3]! + fround(square * v[j]!));
        else zeroError += square;
      }
      if (weighted) zeroError = total(0);
      if (!(least <= fround(zeroError))) takeZero();
    }
  }
  return { search, result };
}

/**
 * Encodes whole rows.
 * @param image from `prepareCodebook`
 * @param dst receives `src.length / groupSize` blocks
 */
export function encodeCodebook(
  image: Uint8Array,
  src: Float32Array,
  dst: Uint8Array,
  { rowLength, importance }: EncodeOptions,
): void {
  const header = new Int32Array(image.buffer, image.byteOffset, 64);
  const groupSize = header[WORD.groupSize]!;
  const shape: CodeShape = { codeBits: header[WORD.codeBits]!, dimension: header[WORD.dimension] === 2 ? 2 : 1 };
  const blockBytes = 2 + (groupSize / shape.dimension / 8) * shape.codeBits;
  const { search, result } = groupSearch(image);
  for (let group = 0; group * groupSize < src.length; group++) {
    const at = group * groupSize;
    search(src, at, importance, at % rowLength);
    const out = group * blockBytes;
    dst[out] = result.level;
    dst[out + 1] = result.table;
    packCodes(shape, groupSize, result.codes, dst, out + 2);
  }
}
