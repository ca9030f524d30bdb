// e^x of four f32, as exp-f32.ts defines it. A module of its own, which is no entry: vectors are not exported.

// @ts-ignore: decorator
@inline
export function exp4(x: v128): v128 {
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  let r = f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375)));
  r = f32x4.sub(r, f32x4.mul(n, f32x4.splat(-2.12194440054690583e-4)));
  let sum = f32x4.splat(1.9875691500e-4);
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.3981999507e-3));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(8.3334519073e-3));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(4.1665795894e-2));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(1.6666665459e-1));
  sum = f32x4.add(f32x4.mul(sum, r), f32x4.splat(5.0000001201e-1));
  sum = f32x4.add(f32x4.add(f32x4.mul(f32x4.mul(r, r), sum), r), f32x4.splat(1));
  // 2^n in two steps; conversions saturate, and what lies outside is replaced below.
  const whole = i32x4.trunc_sat_f32x4_s(n), half = i32x4.shr_s(whole, 1), bias = i32x4.splat(127);
  sum = f32x4.mul(sum, i32x4.shl(i32x4.add(half, bias), 23));
  sum = f32x4.mul(sum, i32x4.shl(i32x4.add(i32x4.sub(whole, half), bias), 23));
  sum = v128.andnot(sum, f32x4.lt(x, f32x4.splat(-87.3365)));
  sum = v128.bitselect(f32x4.splat(Infinity), sum, f32x4.gt(x, f32x4.splat(88.7228)));
  return v128.bitselect(x, sum, f32x4.ne(x, x));
}
