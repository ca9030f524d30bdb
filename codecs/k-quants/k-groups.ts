/**
 * What the encoders of K-quants share: super-blocks of 256 weights, made of groups that have a scale (and a minimum)
 * of few bits, relative to one or two halves per super-block.
 *
 * Every encoder goes the same way: find the best scale of each group in f32, round the scales to their few bits, then
 * choose the codes again for the scales as stored.
 */
import type { EncodeOptions } from "../codec.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { packScalesAndMins, packedMin, packedScale } from "./k-scales.ts";
import { searchPositiveScale } from "./k-positive.ts";
import { nearestCode, nearestInt, searchScaleAndMin } from "./k-search.ts";
import type { ScaleMinSearch } from "./k-search.ts";

const fround = Math.fround;

/** Weights in a super-block. */
export const SUPER_BLOCK = 256;

/** Calls `encodeBlock` for each super-block; importance, where given, is that of the block's own columns. */
export function forEachSuperBlock(
  src: Float32Array,
  options: EncodeOptions,
  encodeBlock: (x: Float32Array, importance: Float32Array | undefined, block: number) => void,
): void {
  const { rowLength, importance } = options;
  for (let block = 0; block * SUPER_BLOCK < src.length; block++) {
    const start = block * SUPER_BLOCK;
    const column = start % rowLength;
    encodeBlock(src.subarray(start, start + SUPER_BLOCK), importance?.subarray(column, column + SUPER_BLOCK), block);
  }
}

/** The grid of every importance-weighted search for scale and minimum. */
export function weightedSearch(maxCode: number): ScaleMinSearch {
  return { maxCode, first: fround(-0.9), step: fround(0.05), steps: 36, isAbsolute: false };
}

/** Sum of squares of `count` values, in their order. */
export function sumOfSquares(x: Float32Array, start: number, count: number): number {
  let sum = 0;
  for (let i = start; i < start + count; i++) sum = fround(sum + fround(x[i]! * x[i]!));
  return sum;
}

/**
 * The error weights of one group by its importance: importance * sqrt(spread + x^2).
 * @param spread one or two times the mean square of the super-block, by type
 * @returns their sum
 */
export function weighByImportance(
  x: Float32Array,
  start: number,
  importance: Float32Array,
  spread: number,
  errorWeights: Float32Array,
): number {
  let sum = 0;
  for (let i = 0; i < errorWeights.length; i++) {
    const value = x[start + i]!;
    const w = fround(importance[start + i]! * fround(Math.sqrt(fround(spread + fround(value * value)))));
    errorWeights[i] = w;
    sum = fround(sum + w);
  }
  return sum;
}

/**
 * Codes of one group for the scale and minimum as stored: nearest((x + min) / scale) within [low, high], minus `low`.
 * A scale of zero leaves the codes of the search: they mean nothing, but they are what ggml writes.
 */
export function recode(
  x: Float32Array,
  start: number,
  count: number,
  scale: number,
  min: number,
  low: number,
  high: number,
  codes: Uint8Array,
): void {
  if (scale === 0) return;
  for (let i = start; i < start + count; i++) {
    codes[i] = nearestCode(fround(fround(x[i]! + min) / scale), low, high) - low;
  }
}

/** Stores the low two bits of 256 codes (q2_K, q3_K): four elements, 32 apart, to a byte, lowest first. */
export function storeBitPairs(codes: Uint8Array, dst: Uint8Array, offset: number): void {
  for (let half = 0; half < 2; half++) {
    for (let i = 0; i < 32; i++) {
      const from = 128 * half + i;
      const low = (codes[from]! & 3) | ((codes[from + 32]! & 3) << 2);
      dst[offset + 32 * half + i] = low | ((codes[from + 64]! & 3) << 4) | ((codes[from + 96]! & 3) << 6);
    }
  }
}

const GROUP = 32;
const GROUPS = SUPER_BLOCK / GROUP;
const errorWeights = new Float32Array(GROUP);
const scales = new Float32Array(GROUPS);
const mins = new Float32Array(GROUPS);
const groupErrorWeights = new Float32Array(GROUPS);
const scaleCodes = new Uint8Array(GROUPS);
const minCodes = new Uint8Array(GROUPS);

/** What differs between q4_K and q5_K before the codes are stored. */
export interface GroupsOf32 {
  readonly search: ScaleMinSearch;
  /**
   * With an importance, a scale code that wrapped around 256 (a negative scale) is kept, and its upper bits spill into
   * its neighbours', as in ggml's q4_K; otherwise it is limited to 63, as in ggml's q5_K.
   */
  readonly wraps: boolean;
}

/**
 * The part that q4_K and q5_K share: writes d, dmin and the packed scales at `offset` (16 bytes) and finds the codes.
 *
 * Unweighted, an error counts by the group's root mean square plus |x|, and the largest scale (minimum) becomes 63.
 * With an importance, the halves and the 6-bit numbers are searched for too.
 */
export function encodeGroupsOf32(
  x: Float32Array,
  importance: Float32Array | undefined,
  { search, wraps }: GroupsOf32,
  codes: Uint8Array,
  dst: Uint8Array,
  offset: number,
): void {
  if (importance === undefined) {
    let maxScale = 0;
    let maxMin = 0;
    for (let j = 0; j < GROUPS; j++) {
      const start = j * GROUP;
      const rms = fround(Math.sqrt(fround(sumOfSquares(x, start, GROUP) / GROUP)));
      for (let i = 0; i < GROUP; i++) errorWeights[i] = rms + Math.abs(x[start + i]!);
      searchScaleAndMin(x, start, GROUP, errorWeights, search, codes, start, scales, mins, j);
      if (scales[j]! > maxScale) maxScale = scales[j]!;
      if (mins[j]! > maxMin) maxMin = mins[j]!;
    }
    const inverseScale = maxScale > 0 ? fround(63 / maxScale) : 0;
    const inverseMin = maxMin > 0 ? fround(63 / maxMin) : 0;
    for (let j = 0; j < GROUPS; j++) {
      // Through a byte first: a negative scale wraps around and ends at 63.
      scaleCodes[j] = Math.min(63, nearestInt(fround(inverseScale * scales[j]!)) & 0xff);
      minCodes[j] = Math.min(63, nearestInt(fround(inverseMin * mins[j]!)) & 0xff);
    }
    writeF16(dst, offset, maxScale / 63);
    writeF16(dst, offset + 2, maxMin / 63);
  } else {
    const spread = fround(fround(2 * sumOfSquares(x, 0, SUPER_BLOCK)) / SUPER_BLOCK);
    const weighted = weightedSearch(search.maxCode);
    for (let j = 0; j < GROUPS; j++) {
      const start = j * GROUP;
      groupErrorWeights[j] = weighByImportance(x, start, importance, spread, errorWeights);
      searchScaleAndMin(x, start, GROUP, errorWeights, weighted, codes, start, scales, mins, j);
    }
    writeF16(dst, offset, searchPositiveScale(scales, 63, groupErrorWeights, scaleCodes));
    writeF16(dst, offset + 2, searchPositiveScale(mins, 63, groupErrorWeights, minCodes));
    for (let j = 0; j < GROUPS && !wraps; j++) {
      scaleCodes[j] = Math.min(63, scaleCodes[j]!);
      minCodes[j] = Math.min(63, minCodes[j]!);
    }
  }
  packScalesAndMins(scaleCodes, minCodes, dst, offset + 4);

  const d = readF16(dst, offset);
  const dmin = readF16(dst, offset + 2);
  for (let j = 0; j < GROUPS; j++) {
    const scale = fround(d * packedScale(dst, offset + 4, j));
    const min = fround(dmin * packedMin(dst, offset + 4, j));
    recode(x, j * GROUP, GROUP, scale, min, 0, search.maxCode, codes);
  }
}
