// Twin of bf16.ts.
import { bf16BitsOfF32 } from "../simd/half";

export function encode_bf16(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const end = src + ((<usize>rows * <usize>rowLength) << 2);
  while (src + 32 <= end) {
    v128.store(dst, i16x8.narrow_i32x4_u(bf16BitsOfF32(v128.load(src)), bf16BitsOfF32(v128.load(src, 16))));
    src += 32;
    dst += 16;
  }
  for (; src < end; src += 4, dst += 2) {
    store<u16>(dst, <u16>i32x4.extract_lane(bf16BitsOfF32(v128.load32_zero(src)), 0));
  }
}

export function decode_bf16(src: usize, dst: usize, blocks: i32): void {
  const end = src + (<usize>blocks << 1);
  while (src + 16 <= end) {
    v128.store(dst, i32x4.shl(v128.load16x4_u(src), 16));
    v128.store(dst, i32x4.shl(v128.load16x4_u(src, 8), 16), 16);
    src += 16;
    dst += 32;
  }
  for (; src < end; src += 2, dst += 4) store<u32>(dst, <u32>load<u16>(src) << 16);
}
