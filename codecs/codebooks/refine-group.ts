/**
 * Step 2 of the search for a group's encoding, for one table: codes, the least-squares scale for them, the nearest
 * level, the error. simd/refine-group.ts is the twin.
 *
 * Weights in table units are rounded to whole entries or to 1/64 entry, ties to even, and limited to twice the largest
 * entry; everything without importance that follows is exact in integers. Differences are limited so that 64 squares
 * fit 31 bits. With importance sums are f32, in four partial sums: weights j mod 4, added as (0 + 1) + (2 + 3).
 */
import { nearestInteger } from "./nearest-integer.ts";
import type { PreparedCodebook } from "./prepared-codebook.ts";
import type { SearchScratch } from "./search-scratch.ts";

const { fround } = Math;

/** Fixed point of weights in table units. */
export const FRACTION = 64;
/** Weights in table units, at 1/64 entry, are limited to this: twice the largest entry. */
const MAX_UNITS = 16383;
const MAX_DIFFERENCE = 5791;

/** The group times `scale`, rounded to integers. */
export function toUnits({ x, units }: SearchScratch, scale: number): void {
  for (let j = 0; j < units.length; j++) {
    const u = fround(x[j]! * scale);
    const limited = u > -MAX_UNITS ? u : -MAX_UNITS;
    units[j] = nearestInteger(limited < MAX_UNITS ? limited : MAX_UNITS);
  }
}

/** Codes nearest to single weights in whole units, and their entries: exact enough for a scale. */
export function assignRoughly(prepared: PreparedCodebook, scratch: SearchScratch, table: number): void {
  const { points, roughThresholds } = prepared;
  const { units, codes } = scratch;
  const at = table * points;
  for (let j = 0; j < codes.length; j++) {
    const unit = Math.max(-128, Math.min(127, units[j]!));
    let code = 0;
    for (let q = 0; q < points - 1; q++) if (unit > roughThresholds[at + q]!) code++;
    codes[j] = code;
  }
  lookUpEntries(prepared, scratch, table);
}

/**
 * Codes nearest to weights in 1/64 units, and their entries: of single weights the lower one on a tie, of pairs the
 * earlier point.
 */
export function assignCodes(prepared: PreparedCodebook, scratch: SearchScratch, table: number): void {
  if (prepared.dimension === 1) assignSingle(prepared, scratch, table);
  else assignPairs(prepared, scratch, table);
  lookUpEntries(prepared, scratch, table);
}

function assignSingle({ points, thresholds }: PreparedCodebook, { units, codes }: SearchScratch, table: number): void {
  const at = table * points;
  for (let j = 0; j < codes.length; j++) {
    let code = 0;
    while (code < points - 1 && units[j]! > thresholds[at + code]!) code++;
    codes[j] = code;
  }
}

/** Nearest points: the largest u.p - |p|^2 / 2. */
function assignPairs({ points, tables }: PreparedCodebook, { units, codes }: SearchScratch, table: number): void {
  const at = table * points * 2;
  for (let j = 0; j < codes.length; j++) {
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

/** The table entries that the codes stand for, one per weight. */
function lookUpEntries(
  { points, dimension, tables }: PreparedCodebook,
  { codes, entries }: SearchScratch,
  table: number,
): void {
  const at = table * points * dimension;
  for (let j = 0; j < codes.length; j++) {
    for (let d = 0; d < dimension; d++) entries[j * dimension + d] = tables[at + d * points + codes[j]!]!;
  }
}

/** Sum of a[j] * b[j], with importance each term times its error weight. */
function sumOfProducts(
  a: Int32Array,
  b: Int32Array,
  { errorWeights, partialSums }: SearchScratch,
  isWeighted: boolean,
) {
  if (!isWeighted) {
    let sum = 0;
    for (let j = 0; j < a.length; j++) sum += a[j]! * b[j]!;
    return fround(sum);
  }
  partialSums.fill(0);
  for (let j = 0; j < a.length; j++) {
    partialSums[j & 3]! += fround(fround(a[j]! * b[j]!) * errorWeights[j]!);
  }
  return fround(fround(partialSums[0]! + partialSums[1]!) + fround(partialSums[2]! + partialSums[3]!));
}

/** Least-squares factor from entries T to units u: sum(u T) / sum(T T), 0 where that is not positive. */
export function leastSquares(scratch: SearchScratch, isWeighted: boolean): number {
  const { units, entries } = scratch;
  const ut = sumOfProducts(units, entries, scratch, isWeighted);
  const tt = sumOfProducts(entries, entries, scratch, isWeighted);
  return tt > 0 && ut > 0 ? fround(ut / tt) : 0;
}

/** Squared error of the codes for weights in 1/64 units, in squares of these units. */
export function squaredError(scratch: SearchScratch, isWeighted: boolean): number {
  const { units, entries, differences } = scratch;
  for (let j = 0; j < units.length; j++) {
    const difference = units[j]! - entries[j]! * FRACTION;
    differences[j] = Math.max(-MAX_DIFFERENCE, Math.min(MAX_DIFFERENCE, difference));
  }
  return sumOfProducts(differences, differences, scratch, isWeighted);
}

/** The squared error of a group of zeros, in the same squares where `toUnits` has scaled its largest weight to 64. */
export function squaredUnits(scratch: SearchScratch, isWeighted: boolean): number {
  return sumOfProducts(scratch.units, scratch.units, scratch, isWeighted);
}

/** The nearest level to `scale` that is not zero and, where there is one, of the same sign; the lower one on a tie. */
export function nearestLevel({ levels, levelCount }: PreparedCodebook, scale: number): number {
  let low = 0;
  let high = levelCount;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (levels[middle]! < scale) low = middle + 1;
    else high = middle;
  }
  let found = Math.min(low, levelCount - 1);
  if (found > 0 && fround(scale - levels[found - 1]!) <= fround(levels[found]! - scale)) found--;
  if (levels[found] === 0) {
    if (scale > 0 ? found + 1 < levelCount : found === 0) found = Math.min(found + 1, levelCount - 1);
    else if (found > 0) found--;
  }
  return found;
}
