/**
 * The search behind plain q3_K: a signed scale by moving one code at a time.
 * Definition: ggml's `make_q3_quants`; arithmetic as in `k-search.ts`.
 */
import { indexOfLargest, nearestCode, SMALLEST_GROUP } from "./k-search.ts";

const fround = Math.fround;

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
