// Twin of f16.ts. The last vector of eight may reach into the padding behind both buffers.
import { f16BitsOfF32, f32OfF16Bits } from "./simd/half";

export function encode_f16(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const end = src + ((<usize>rows * <usize>rowLength) << 2);
  while (src + 32 <= end) {
    v128.store(dst, i16x8.narrow_i32x4_u(f16BitsOfF32(v128.load(src)), f16BitsOfF32(v128.load(src, 16))));
    src += 32;
    dst += 16;
  }
  for (; src < end; src += 4, dst += 2) {
    store<u16>(dst, <u16>i32x4.extract_lane(f16BitsOfF32(v128.load32_zero(src)), 0));
  }
}

export function decode_f16(src: usize, dst: usize, blocks: i32): void {
  const end = src + (<usize>blocks << 1);
  while (src + 16 <= end) {
    v128.store(dst, f32OfF16Bits(v128.load16x4_u(src)));
    v128.store(dst, f32OfF16Bits(v128.load16x4_u(src, 8)), 16);
    src += 16;
    dst += 32;
  }
  for (; src < end; src += 2, dst += 4) {
    v128.store32_lane(dst, f32OfF16Bits(i32x4.splat(<i32>load<u16>(src))), 0);
  }
}
