// Rounding to -1, 0, 1 (tq1_0, tq2_0, q2_0).

/** round(x * inverse) + 1 of sixteen neighbours as bytes, halves away from zero; `ofNaN` is the byte for NaN. */
// @ts-ignore: decorator
@inline
export function ternarySixteen(src: usize, inverse: v128, ofNaN: i32): v128 {
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_u(ternaryFour(src, inverse, ofNaN), ternaryFour(src + 16, inverse, ofNaN)),
    i16x8.narrow_i32x4_u(ternaryFour(src + 32, inverse, ofNaN), ternaryFour(src + 48, inverse, ofNaN)),
  );
}

// @ts-ignore: decorator
@inline
function ternaryFour(src: usize, inverse: v128, ofNaN: i32): v128 {
  const x = f32x4.mul(v128.load(src), inverse);
  // The largest f32 below one half, with the sign of x: with one half, 0.49999997 would round up.
  const half = v128.or(v128.and(x, i32x4.splat(0x80000000)), i32x4.splat(0x3effffff));
  const rounded = f32x4.trunc(f32x4.add(x, half));
  // Limited to where NaN goes: pmax(a, NaN) is a.
  const known = ofNaN == 0 ? f32x4.pmax(f32x4.splat(-1), rounded) : v128.and(rounded, f32x4.eq(rounded, rounded));
  // In 2^23 + k the integer k lies in the lowest bits.
  return v128.and(f32x4.add(known, f32x4.splat(8388609)), i32x4.splat(0xff));
}
