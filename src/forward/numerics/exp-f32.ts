/**
 * e^x in f32, for the softmax and the activation functions: at most 2 units in the last place off, and the same bits in
 * the twin (exp-f32.simd.ts).
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2; e^r by a polynomial of degree 7, e^x = 2^n e^r. Every operation is rounded to
 * f32. 0 where the result would be subnormal, Infinity where it would overflow, NaN of NaN. Coefficients: the minimax
 * polynomial of the Cephes library's expf.
 */
const { fround } = Math;

export const EXP_LOG2_E = fround(1.44269504088896341);
/** ln 2 in two parts, the first of nine bits. */
export const EXP_LN2_HIGH = fround(0.693359375);
export const EXP_LN2_LOW = fround(-2.12194440054690583e-4);
export const EXP_COEFFICIENTS = [
  1.98756915e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1,
].map(fround);
/** Below this the result is 0; above the other it is Infinity. */
export const EXP_LEAST = fround(-87.3365);
export const EXP_GREATEST = fround(88.7228);

/** Adding and subtracting this rounds to the nearest integer, ties to even. */
const ROUNDER = 12582912;

const word = new Uint32Array(1);
const float = new Float32Array(word.buffer);

/** 2^n for -126 <= n <= 127. */
function powerOfTwo(n: number): number {
  word[0] = (n + 127) << 23;
  return float[0]!;
}

/** e^x, rounded as the head of this file says. */
export function expF32(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < EXP_LEAST) return 0;
  if (x > EXP_GREATEST) return Infinity;
  const n = fround(fround(fround(x * EXP_LOG2_E) + ROUNDER) - ROUNDER);
  const r = fround(fround(x - fround(n * EXP_LN2_HIGH)) - fround(n * EXP_LN2_LOW));
  let sum = EXP_COEFFICIENTS[0]!;
  for (let i = 1; i < 6; i++) sum = fround(fround(sum * r) + EXP_COEFFICIENTS[i]!);
  sum = fround(fround(fround(fround(r * r) * sum) + r) + 1);
  // In two steps: 2^128 is no float.
  const half = n >> 1;
  return fround(fround(sum * powerOfTwo(half)) * powerOfTwo(n - half));
}
