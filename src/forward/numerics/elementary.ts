/**
 * exp, ln, sin and cos in f64, made of additions, multiplications and divisions only: these are rounded alike by every
 * machine, while the functions of `Math` differ in the last bits between engines and their versions.
 *
 * Argument reduction as is usual (W. J. Cody, W. Waite, Software Manual for the Elementary Functions, 1980): a multiple
 * of ln 2 or of pi/2, stored in parts whose products with the multiple are exact, is taken off first; the rest is a
 * Taylor polynomial. Errors stay below 2^-50 of the result, which the tests hold against `Math`.
 */

/** ln 2 in two parts: the first has 21 zero bits at its end. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;
const LOG2_E = 1.4426950408889634;

/** pi/2 in three parts of 33 bits. */
const HALF_PI = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21] as const;
const TWO_OVER_PI = 0.6366197723675814;

const bits = new DataView(new ArrayBuffer(8));

/** 2^n for -1022 <= n <= 1023. */
function powerOfTwo(n: number): number {
  bits.setUint32(0, (n + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** e^x; 0 below -708, Infinity above 709.78. */
export function exponential(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < -708) return 0;
  if (x > 709.782712893384) return Infinity;
  const n = Math.floor(x * LOG2_E + 0.5);
  const r = x - n * LN2_HIGH - n * LN2_LOW;
  let sum = 1;
  for (let k = 14; k >= 1; k--) sum = 1 + (sum * r) / k;
  return n === 1024 ? sum * 2 * powerOfTwo(1023) : sum * powerOfTwo(n);
}

/** ln x of a positive normal number; NaN for others, and the limits at 0 and Infinity. */
export function naturalLogarithm(x: number): number {
  if (x === 0) return -Infinity;
  if (x === Infinity) return x;
  if (!(x >= 2.2250738585072014e-308)) return NaN;
  bits.setFloat64(0, x);
  const high = bits.getUint32(0);
  let n = (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let m = bits.getFloat64(0);
  if (m > Math.SQRT2) {
    m /= 2;
    n++;
  }
  // ln m = 2 atanh s = 2 (s + s^3/3 + s^5/5 + ...), |s| < 0.172
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let sum = 0;
  for (let k = 23; k >= 3; k -= 2) sum = (sum + 1 / k) * square;
  return n * LN2_HIGH + (2 * s + (2 * s * sum + n * LN2_LOW));
}

/** x to the power of y, x positive: e^(y ln x). */
export function power(x: number, y: number): number {
  return exponential(y * naturalLogarithm(x));
}

/** Angles up to this are reduced exactly: 20 bits times the 33 of the first part of pi/2. */
export const LARGEST_ANGLE = 2 ** 20;

/** Sine and cosine of an angle in radians, at most `LARGEST_ANGLE`. @throws RangeError beyond */
export function sineAndCosine(x: number): { readonly sin: number; readonly cos: number } {
  if (!(Math.abs(x) <= LARGEST_ANGLE)) throw new RangeError(`an angle of ${x}, expected at most ${LARGEST_ANGLE}`);
  const n = Math.floor(x * TWO_OVER_PI + 0.5);
  const r = x - n * HALF_PI[0] - n * HALF_PI[1] - n * HALF_PI[2];
  const square = r * r;
  let sin = 1;
  for (let k = 16; k >= 2; k -= 2) sin = 1 - (sin * square) / (k * (k + 1));
  sin *= r;
  let cos = 1;
  for (let k = 16; k >= 2; k -= 2) cos = 1 - (cos * square) / (k * (k - 1));
  const quadrant = ((n % 4) + 4) % 4;
  if (quadrant === 0) return { sin, cos };
  if (quadrant === 1) return { sin: cos, cos: -sin };
  return quadrant === 2 ? { sin: -sin, cos: -cos } : { sin: -cos, cos: sin };
}
