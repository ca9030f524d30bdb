// Sixteen codes to sixteen weights.
import { splatF16 } from "../../simd/half";

/** The f16 at an address. */
// @ts-ignore: decorator
@inline
export function f32OfF16(at: usize): f32 {
  return f32x4.extract_lane(splatF16(at), 0);
}

/** scale * code - min of sixteen unsigned bytes. */
// @ts-ignore: decorator
@inline
export function decodeSixteenAffine(codes: v128, scale: v128, min: v128, dst: usize): void {
  const low = i16x8.extend_low_i8x16_u(codes), high = i16x8.extend_high_i8x16_u(codes);
  v128.store(dst, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(low))), min));
  v128.store(dst, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(low))), min), 16);
  v128.store(dst, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_u(high))), min), 32);
  v128.store(dst, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_u(high))), min), 48);
}

/** scale * code of sixteen signed bytes. */
// @ts-ignore: decorator
@inline
export function decodeSixteenSigned(codes: v128, scale: v128, dst: usize): void {
  const low = i16x8.extend_low_i8x16_s(codes), high = i16x8.extend_high_i8x16_s(codes);
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low))));
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low))), 16);
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high))), 32);
  v128.store(dst, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high))), 48);
}
