/**
 * What iq4_nl and iq4_xs share: 16 fixed levels, finer near zero, and the search of a scale for 32 weights.
 *
 * The start is d = x_max / 127 with the sign that maps x_max, the first weight of largest magnitude, to level -127; then
 * scales (t - 127) / x_max are tried for t = -7 ... 7. For given codes the best scale is sum(w k x) / sum(w k k), k being
 * the levels; the first largest gain wins. Every operation is rounded to f32, sums run in order of the elements.
 */
import { SMALLEST_GROUP } from "../k-quants/k-search.ts";

const fround = Math.fround;

/** The levels, as ggml's IQ4_NL format defines them. */
export const IQ4_LEVELS = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** Halfway between neighbouring levels; all are multiples of one half, so comparing with them is exact. */
const MIDDLES = Float32Array.from({ length: 15 }, (_, i) => (IQ4_LEVELS[i]! + IQ4_LEVELS[i + 1]!) / 2);

/** Index of the nearest level, the upper one of two as near; NaN to 15. */
export function nearestLevel(x: number): number {
  let index = 0;
  while (index < 15 && !(x < MIDDLES[index]!)) index++;
  return index;
}

/** The error weights of a block without importance: x * x. */
export function weighBySquares(x: Float32Array, start: number, errorWeights: Float32Array): void {
  for (let j = 0; j < errorWeights.length; j++) errorWeights[j] = fround(x[start + j]! * x[start + j]!);
}

/** The best scale found for 32 weights `x[start]` onward; 0 for a block of zeros. */
export function searchLevelScale(x: Float32Array, start: number, errorWeights: Float32Array): number {
  let largest = 0;
  let extreme = 0;
  for (let j = start; j < start + 32; j++) {
    const magnitude = Math.abs(x[j]!);
    if (magnitude > largest) {
      largest = magnitude;
      extreme = x[j]!;
    }
  }
  if (largest < SMALLEST_GROUP) return 0;
  let scale = 0;
  let best = 0;
  for (let attempt = 0; attempt <= 15; attempt++) {
    const isFirst = attempt === 0;
    const inverse = isFirst ? fround(1 / fround(-extreme / IQ4_LEVELS[0]!)) : fround((attempt - 8 - 127) / extreme);
    let sumKX = 0;
    let sumKK = 0;
    for (let j = 0; j < 32; j++) {
      const value = x[start + j]!;
      const k = IQ4_LEVELS[nearestLevel(fround(inverse * value))]!;
      const wk = fround(errorWeights[j]! * k);
      sumKX = fround(sumKX + fround(wk * value));
      sumKK = fround(sumKK + fround(wk * k));
    }
    if (isFirst || (sumKK > 0 && fround(sumKX * sumKX) > fround(best * sumKK))) {
      scale = sumKK > 0 ? fround(sumKX / sumKK) : 0;
      best = fround(scale * sumKX);
    }
  }
  return scale;
}
