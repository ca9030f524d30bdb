// Twin of f16.ts. Eight numbers that are all normal halves take a short way; any other goes the general one.
import { f16BitsOfF32, f32OfF16Bits } from "../simd/half";

export function encode_f16(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const end = src + ((<usize>rows * <usize>rowLength) << 2);
  for (; src + 32 <= end; src += 32, dst += 16) {
    const a = v128.load(src), b = v128.load(src, 16);
    const isNormal = v128.and(isNormalHalf(a), isNormalHalf(b));
    v128.store(dst, i32x4.all_true(isNormal)
      ? i16x8.narrow_i32x4_u(roundNormal(a), roundNormal(b))
      : i16x8.narrow_i32x4_u(f16BitsOfF32(a), f16BitsOfF32(b)));
  }
  for (; src < end; src += 4, dst += 2) v128.store16_lane(dst, f16BitsOfF32(v128.load32_zero(src)), 0);
}

/** True where an f32 rounds to a normal half: from 2^-14 to below 65520. */
// @ts-ignore: decorator
@inline
function isNormalHalf(x: v128): v128 {
  const above = i32x4.sub(v128.and(x, i32x4.splat(0x7fffffff)), i32x4.splat(0x38800000));
  return i32x4.lt_u(above, i32x4.splat(0x477ff000 - 0x38800000));
}

/** Bits of the nearest half, ties to even, where it is normal. */
// @ts-ignore: decorator
@inline
function roundNormal(x: v128): v128 {
  const magnitude = v128.and(x, i32x4.splat(0x7fffffff));
  const odd = v128.and(i32x4.shr_u(x, 13), i32x4.splat(1));
  const rounded = i32x4.shr_u(i32x4.add(i32x4.add(magnitude, odd), i32x4.splat(0xfff - 0x38000000)), 13);
  return v128.or(rounded, v128.and(i32x4.shr_u(x, 16), i32x4.splat(0x8000)));
}

export function decode_f16(src: usize, dst: usize, blocks: i32): void {
  const end = src + (<usize>blocks << 1);
  // One test for 32 numbers: branches and reductions would cost more than the conversions.
  for (; src + 64 <= end; src += 64, dst += 128) {
    const first = i16x8.max_u(aboveSmallest(src), aboveSmallest(src + 16));
    const greatest = i16x8.max_u(first, i16x8.max_u(aboveSmallest(src + 32), aboveSmallest(src + 48)));
    if (!v128.any_true(i16x8.sub_sat_u(greatest, i16x8.splat(0x77ff)))) {
      v128.store(dst, extendNormal(v128.load16x4_s(src)));
      v128.store(dst, extendNormal(v128.load16x4_s(src, 8)), 16);
      v128.store(dst, extendNormal(v128.load16x4_s(src, 16)), 32);
      v128.store(dst, extendNormal(v128.load16x4_s(src, 24)), 48);
      v128.store(dst, extendNormal(v128.load16x4_s(src, 32)), 64);
      v128.store(dst, extendNormal(v128.load16x4_s(src, 40)), 80);
      v128.store(dst, extendNormal(v128.load16x4_s(src, 48)), 96);
      v128.store(dst, extendNormal(v128.load16x4_s(src, 56)), 112);
    } else {
      for (let i: usize = 0; i < 64; i += 8) v128.store(dst + (i << 1), f32OfF16Bits(v128.load16x4_u(src + i)));
    }
  }
  for (; src < end; src += 2, dst += 4) {
    v128.store32_lane(dst, f32OfF16Bits(i32x4.splat(<i32>load<u16>(src))), 0);
  }
}

/** Eight magnitudes less the smallest normal half: below 0x7800, unsigned, for normal ones. */
// @ts-ignore: decorator
@inline
function aboveSmallest(src: usize): v128 {
  return i16x8.sub(v128.and(v128.load(src), i16x8.splat(0x7fff)), i16x8.splat(0x400));
}

/** Normal halves, sign-extended to 32 bits: the sign stays on top, the exponent is rebiased by 112. */
// @ts-ignore: decorator
@inline
function extendNormal(half: v128): v128 {
  return i32x4.add(v128.and(i32x4.shl(half, 13), i32x4.splat(0x8fffe000)), i32x4.splat(0x38000000));
}
