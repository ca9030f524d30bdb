/**
 * The 4-bit float of mxfp4 and nvfp4 (sign, 2 bits of exponent, 1 of mantissa), doubled so that it is an integer:
 * 0 1 2 3 4 6 8 12 and their negatives. Scales are halved instead.
 */
export const E2M1_DOUBLED = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

/** Code of the value whose product with `d` is nearest to x, the first of equals; in f32, code 0 for NaN. */
export function nearestE2m1(x: number, d: number): number {
  let best = 0;
  let bestError = Math.abs(x);
  for (let code = 1; code < 16; code++) {
    const error = Math.abs(Math.fround(Math.fround(E2M1_DOUBLED[code]! * d) - x));
    if (error < bestError) {
      best = code;
      bestError = error;
    }
  }
  return best;
}
