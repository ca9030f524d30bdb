/**
 * Arithmetic of ggml's x86-64 reference where C leaves it open, so that blocks with infinities, NaN or subnormal
 * scales still encode to the same bytes.
 */

/** C's `(int)x` as SSE2 does it: toward zero; NaN and everything out of range become -2^31. */
export function truncateToInt(x: number): number {
  return x > -2147483649 && x < 2147483648 ? Math.trunc(x) | 0 : -2147483648;
}

/** C's `(int8_t)x` as x86-64 does it: through a 32-bit integer, whose low byte remains. */
export function truncateToInt8(x: number): number {
  return (truncateToInt(x) << 24) >> 24;
}

/** C's `roundf` of an f32: to nearest, halves away from zero. Exact, since the sum is taken in f64. */
export function roundHalfAway(x: number): number {
  return x < 0 ? -Math.floor(0.5 - x) : Math.floor(x + 0.5);
}
