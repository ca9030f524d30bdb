/**
 * The second search of importance-weighted K-quants: the scale of the scales (or minima) of a super-block.
 * Definition: ggml's `make_qp_quants`; arithmetic as in `k-search.ts`.
 */
import { nearestInt, SMALLEST_GROUP, TENTH } from "./k-search.ts";

const fround = Math.fround;

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
  errorWeights: Float32Array,
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
      error = fround(error + fround(fround(errorWeights[i]! * difference) * difference));
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
    const w = errorWeights[i]!;
    sumLX = fround(sumLX + fround(fround(w * x[i]!) * code));
    sumL2 = fround(sumL2 + fround(fround(w * code) * code));
  }
  for (let round = 0, changed = 1; round < 5 && changed > 0; round++) {
    changed = 0;
    for (let i = 0; i < count; i++) {
      const code = codes[i]!;
      const w = errorWeights[i]!;
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
