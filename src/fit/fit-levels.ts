/**
 * Scale levels by energy-weighted k-means: given the least-squares scale of each group, and what a unit of squared
 * scale error costs there (the energy of its entries), the levels that cost least. One dimension and sorted values,
 * so a round of Lloyd's algorithm is a walk over boundaries with prefix sums.
 */
import { compandedPoints } from "./companding.ts";

const ROUNDS = 24;
/** More groups than any sample has. */
const MAX_GROUPS = 2 ** 21;
/** Levels beyond the largest scale of either sign, each this much larger: for outliers that the sample missed. */
const OUTLIER_LEVELS = 6;
const OUTLIER_RATIO = 1.25;

/**
 * @param scales the scale of each group, finite; zeros are ignored
 * @param energies cost of squared scale error, per group
 * @param count how many levels at most, 1 to 256
 * @returns ascending levels, with 0 among them when `count` >= 4, and some beyond the largest scale when it is >= 64
 */
export function fitLevels(scales: Float32Array, energies: Float64Array, count: number): Float32Array {
  const sorted = ascending(scales, energies);
  if (sorted.length === 0) return count >= 2 ? Float32Array.of(0, 1) : Float32Array.of(1);
  const values = new Float64Array(sorted.length);
  const weights = new Float64Array(sorted.length);
  for (let i = 0; i < sorted.length; i++) {
    values[i] = scales[sorted[i]!]!;
    weights[i] = energies[sorted[i]!]!;
  }
  const extra = count >= 64 ? outlierLevels(values) : [];
  const wanted = count - extra.length - (count >= 4 ? 1 : 0);
  const levels = [...weightedMeans(values, weights, wanted), ...extra];
  if (count >= 4) levels.push(0);
  return Float32Array.from(new Set(Float32Array.from(levels))).sort();
}

/**
 * The groups that count, by scale. Sorting numbers is ten times as fast as sorting with a comparison: 32 bits of the
 * scale, in an order that agrees with its value, and below them the group make a whole number that a double holds.
 */
function ascending(scales: Float32Array, energies: Float64Array): Uint32Array {
  const bits = new Int32Array(scales.buffer, scales.byteOffset, scales.length);
  const keys = new Float64Array(scales.length);
  let used = 0;
  for (let i = 0; i < scales.length; i++) {
    if (scales[i] === 0 || !(energies[i]! > 0)) continue;
    const ordered = bits[i]! < 0 ? -(bits[i]! & 0x7fffffff) : bits[i]!;
    keys[used++] = ordered * MAX_GROUPS + i;
  }
  return Uint32Array.from(keys.subarray(0, used).sort(), (key) => key - Math.floor(key / MAX_GROUPS) * MAX_GROUPS);
}

/** Levels beyond the smallest and the largest scale. */
function outlierLevels(values: Float64Array): number[] {
  const levels: number[] = [];
  for (const end of [values[0]!, values[values.length - 1]!]) {
    for (let k = 1; k <= OUTLIER_LEVELS; k++) {
      const level = Math.fround(end * OUTLIER_RATIO ** k);
      if (Number.isFinite(level) && Math.abs(level) < 2 ** 120) levels.push(level);
    }
  }
  // With one sign only, both ends lie on the same side, and levels beyond the smaller one would be waste.
  return values[0]! < 0 && values[values.length - 1]! > 0
    ? levels
    : levels.slice(values[0]! > 0 ? OUTLIER_LEVELS : 0).slice(0, OUTLIER_LEVELS);
}

function weightedMeans(values: Float64Array, weights: Float64Array, count: number): number[] {
  const n = values.length;
  const weightBefore = new Float64Array(n + 1);
  const momentBefore = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    weightBefore[i + 1] = weightBefore[i]! + weights[i]!;
    momentBefore[i + 1] = momentBefore[i]! + weights[i]! * values[i]!;
  }
  const means = startingLevels(values, weights, count);
  for (let round = 0; round < ROUNDS; round++) {
    let from = 0;
    for (let k = 0; k < means.length; k++) {
      const end = k + 1 === means.length ? n : firstAbove(values, (means[k]! + means[k + 1]!) / 2, from);
      const weight = weightBefore[end]! - weightBefore[from]!;
      if (weight > 0) means[k] = (momentBefore[end]! - momentBefore[from]!) / weight;
      from = end;
    }
  }
  return means;
}

/** Levels at equal steps of the integral of density^(1/3), which is where many levels end up. */
function startingLevels(values: Float64Array, weights: Float64Array, count: number): number[] {
  const n = values.length;
  if (n <= count) return [...values];
  const bins = 512;
  const low = values[0]!;
  const width = (values[n - 1]! - low) / bins;
  if (!(width > 0)) return [low];
  const mass = new Float64Array(bins);
  for (let i = 0; i < n; i++) mass[Math.min(bins - 1, Math.floor((values[i]! - low) / width))]! += weights[i]!;
  return compandedPoints(mass, low, width, count);
}

/** The first index at or after `from` whose value is above `limit`. */
function firstAbove(values: Float64Array, limit: number, from: number): number {
  let low = from;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}
