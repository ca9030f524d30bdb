// Four small floats at a time; the twin of ../half.ts.

/** f32 lanes to f16 bits in the low half of each lane: nearest, ties to even; NaN to a quiet NaN of its sign. */
// @ts-ignore: decorator
@inline
export function f16BitsOfF32(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const sign = i32x4.shr_u(v128.xor(x, magnitude), 16);
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  // 0x38000000 rebiases the exponent, 0xfff + odd rounds; a carry into the exponent is what we want.
  const normal = i32x4.shr_s(i32x4.add(i32x4.add(magnitude, odd), i32x4.splat(0xfff - 0x38000000)), 13);
  // Adding one half leaves the subnormal, in units of 2^-24, in the low bits; the addition rounds.
  const subnormal = i32x4.sub(f32x4.add(magnitude, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const small = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x38800000)));
  const finite = i32x4.min_s(small, i32x4.splat(0x7c00));
  const isNaN = i32x4.gt_s(magnitude, i32x4.splat(0x7f800000));
  return v128.or(v128.bitselect(i32x4.splat(0x7e00), finite, isNaN), sign);
}

/** f16 bits in the low half of each lane, the high half zero, to the equal f32. */
// @ts-ignore: decorator
@inline
export function f32OfF16Bits(half: v128): v128 {
  const magnitude = v128.and(half, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.xor(half, magnitude), 16);
  const normal = i32x4.add(i32x4.shl(magnitude, 13), i32x4.splat(0x38000000));
  // One half plus the subnormal, minus one half: exact, and without subnormal operands, which are slow.
  const subnormal = f32x4.sub(v128.or(magnitude, i32x4.splat(0x3f000000)), f32x4.splat(0.5));
  let value = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(0x400)));
  const isSpecial = i32x4.ge_s(magnitude, i32x4.splat(0x7c00));
  if (v128.any_true(isSpecial)) {
    const isNaN = i32x4.gt_s(magnitude, i32x4.splat(0x7c00));
    value = v128.or(value, v128.and(isSpecial, i32x4.splat(0x7f800000)));
    value = v128.or(value, v128.and(isNaN, i32x4.splat(0x400000)));
  }
  return v128.or(value, sign);
}

/** f32 lanes to bf16 bits in the low half of each lane: nearest, ties to even; NaN becomes quiet. */
// @ts-ignore: decorator
@inline
export function bf16BitsOfF32(x: v128): v128 {
  const odd = v128.and(i32x4.shr_u(x, 16), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(x, odd), i32x4.splat(0x7fff)), 16);
  const quiet = v128.or(i32x4.shr_u(x, 16), i32x4.splat(0x40));
  const isNaN = i32x4.gt_s(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x7f800000));
  return v128.bitselect(quiet, rounded, isNaN);
}

/** The f16 at an address, in every lane, as f32. */
// @ts-ignore: decorator
@inline
export function splatF16(at: usize): v128 {
  const half = <i32>load<u16>(at), magnitude = half & 0x7fff;
  // Nearly every scale is a normal number, which scalar units convert beside the vector work.
  if (<u32>(magnitude - 0x400) < 0x7800) {
    return i32x4.splat(((half & 0x8000) << 16) | ((magnitude << 13) + 0x38000000));
  }
  return f32OfF16Bits(i32x4.splat(half));
}

/** f16 bits of the scales of four blocks; unlike a stored number, a NaN scale is always 0xfe00. */
// @ts-ignore: decorator
@inline
export function f16BitsOfScales(x: v128): v128 {
  return v128.or(f16BitsOfF32(x), v128.and(f32x4.ne(x, x), i32x4.splat(0x8000)));
}
