/** Rounding a block of 32 weights between its minimum and maximum (q4_1, q5_1 without importance). */
import { truncateToInt8 } from "./x86.ts";

const fround = Math.fround;
const LARGEST_F32 = fround(3.4028234663852886e38);

/**
 * d = (max - min) / steps, code = trunc((x - min) * (1/d) + 0.5), each operation rounded to f32; 1/0 counts as 0.
 * NaN is neither minimum nor maximum.
 * @param scale receives d
 * @param minimum receives -min
 */
export function roundFromMin(
  x: Float32Array,
  start: number,
  steps: number,
  codes: Uint8Array,
  scale: Float32Array,
  minimum: Float32Array,
): void {
  let min = LARGEST_F32;
  let max = -LARGEST_F32;
  for (let j = start; j < start + codes.length; j++) {
    if (x[j]! < min) min = x[j]!;
    if (x[j]! > max) max = x[j]!;
  }
  const d = fround(fround(max - min) / steps);
  const inverse = d !== 0 ? fround(1 / d) : 0;
  for (let j = 0; j < codes.length; j++) {
    const level = fround(fround(fround(x[start + j]! - min) * inverse) + 0.5);
    codes[j] = Math.min(steps, truncateToInt8(level));
  }
  scale[0] = d;
  minimum[0] = -min;
}
