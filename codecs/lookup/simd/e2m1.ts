// The 4-bit float of mxfp4 and nvfp4: twin of ../e2m1.ts.

/**
 * Codes of four weights: the number of middles below |x|, and bit 3 for negative weights that are not rounded to zero.
 * Right as long as |x| is not so large against d that differences round: callers take the careful way there.
 */
// @ts-ignore: decorator
@inline
export function nearestFour(x: v128, d: v128): v128 {
  const magnitude = f32x4.abs(x);
  let n = f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(0.5)));
  n = i32x4.add(n, f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(1.5))));
  n = i32x4.add(n, f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(2.5))));
  n = i32x4.add(n, f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(3.5))));
  n = i32x4.add(n, f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(5))));
  n = i32x4.add(n, f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(7))));
  n = i32x4.add(n, f32x4.gt(magnitude, f32x4.mul(d, f32x4.splat(10))));
  // n counts downward from zero.
  const sign = v128.and(v128.and(i32x4.shr_u(x, 28), i32x4.splat(8)), i32x4.shr_s(n, 31));
  return v128.or(i32x4.neg(n), sign);
}

/** The same by comparing with all values, in the order of the codes: any x and d. */
export function nearestCarefully(x: f32, d: f32): i32 {
  let best = 0, bestError = abs<f32>(x);
  for (let code = 1; code < 16; code++) {
    const error = abs<f32>(<f32>valueOf(code) * d - x);
    if (error < bestError) {
      best = code;
      bestError = error;
    }
  }
  return best;
}

function valueOf(code: i32): i32 {
  const magnitude = code & 7;
  const value = magnitude < 4 ? magnitude : (2 + (magnitude & 1)) << ((magnitude >> 1) - 1);
  return code < 8 ? value : -value;
}

/** The doubled values of sixteen codes. */
// @ts-ignore: decorator
@inline
export function valuesOf(codes: v128): v128 {
  return i8x16.swizzle(i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12), codes);
}

/** Largest magnitude of four vectors, lane by lane, NaN ignored. */
// @ts-ignore: decorator
@inline
export function largestOfFour(src: usize, start: v128): v128 {
  const a = f32x4.pmax(f32x4.pmax(start, f32x4.abs(v128.load(src))), f32x4.abs(v128.load(src, 16)));
  return f32x4.pmax(f32x4.pmax(a, f32x4.abs(v128.load(src, 32))), f32x4.abs(v128.load(src, 48)));
}

/** Codes of sixteen neighbouring weights, a byte each. */
// @ts-ignore: decorator
@inline
export function nearestSixteen(src: usize, d: v128): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_u(nearestFour(v128.load(src), d), nearestFour(v128.load(src, 16), d)),
    i16x8.narrow_i32x4_u(nearestFour(v128.load(src, 32), d), nearestFour(v128.load(src, 48), d)),
  );
}
