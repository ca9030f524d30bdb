// Twin of f8.ts.
import { f32OfF16Bits } from "../simd/half";

export function decode_f8_e5m2(src: usize, dst: usize, blocks: i32): void {
  const end = src + <usize>blocks;
  for (; src + 4 <= end; src += 4, dst += 16) v128.store(dst, f32OfF16Bits(i32x4.shl(loadBytes(load<u32>(src)), 8)));
  for (; src < end; src++, dst += 4) {
    v128.store32_lane(dst, f32OfF16Bits(i32x4.splat(<i32>load<u8>(src) << 8)), 0);
  }
}

export function decode_f8_e4m3(src: usize, dst: usize, blocks: i32): void {
  const end = src + <usize>blocks;
  for (; src + 4 <= end; src += 4, dst += 16) v128.store(dst, f32OfE4m3Bits(loadBytes(load<u32>(src))));
  for (; src < end; src++, dst += 4) v128.store32_lane(dst, f32OfE4m3Bits(i32x4.splat(<i32>load<u8>(src))), 0);
}

/** Four bytes to four lanes. */
// @ts-ignore: decorator
@inline
function loadBytes(four: u32): v128 {
  return i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(i32x4.splat(four)));
}

// @ts-ignore: decorator
@inline
function f32OfE4m3Bits(byte: v128): v128 {
  const magnitude = v128.and(byte, i32x4.splat(0x7f));
  const sign = i32x4.shl(v128.xor(byte, magnitude), 24);
  const normal = i32x4.add(i32x4.shl(magnitude, 20), i32x4.splat(0x3c000000));
  // The last bit of 2^14 is worth 2^-9, as the last bit of a subnormal.
  const subnormal = f32x4.sub(v128.or(magnitude, i32x4.splat(0x46800000)), f32x4.splat(16384));
  const value = v128.bitselect(subnormal, normal, i32x4.lt_s(magnitude, i32x4.splat(8)));
  const isNaN = i32x4.eq(magnitude, i32x4.splat(0x7f));
  return v128.or(v128.bitselect(i32x4.splat(0x7fc00000), value, isNaN), sign);
}
