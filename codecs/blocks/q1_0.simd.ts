// Twin of q1_0.ts: the sums of four blocks in four lanes, each in order.
import { f16BitsOfScales, splatF16 } from "../simd/half";
import { storeHalves } from "../simd/lanes";

const BLOCK_BYTES: usize = 18;

export function encode_q1_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocks = (rows * rowLength) / 128;
  for (let block = 0; block < blocks; block += 4) {
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    const s0 = src + (<usize>block << 9), d0 = dst + <usize>block * BLOCK_BYTES;
    const s1 = s0 + (n1 << 9), s2 = s0 + (n2 << 9), s3 = s0 + (n3 << 9);
    const d1 = d0 + n1 * BLOCK_BYTES, d2 = d0 + n2 * BLOCK_BYTES, d3 = d0 + n3 * BLOCK_BYTES;
    let sum = f32x4.splat(0);
    for (let j: usize = 0; j < 512; j += 16) {
      const a = v128.load(s0 + j), b = v128.load(s1 + j), c = v128.load(s2 + j), d = v128.load(s3 + j);
      const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
      const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
      sum = f32x4.add(sum, f32x4.abs(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5)));
      sum = f32x4.add(sum, f32x4.abs(v128.shuffle<f32>(ab, cd, 2, 3, 6, 7)));
      sum = f32x4.add(sum, f32x4.abs(v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5)));
      sum = f32x4.add(sum, f32x4.abs(v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7)));
    }
    storeHalves(f16BitsOfScales(f32x4.div(sum, f32x4.splat(128))), d0, d1, d2, d3);
    storeSigns(s0, d0 + 2);
    storeSigns(s1, d1 + 2);
    storeSigns(s2, d2 + 2);
    storeSigns(s3, d3 + 2);
  }
}

function storeSigns(src: usize, dst: usize): void {
  for (let j: usize = 0; j < 16; j += 2, src += 64) {
    const a = i16x8.narrow_i32x4_s(isPositive(src), isPositive(src + 16));
    const b = i16x8.narrow_i32x4_s(isPositive(src + 32), isPositive(src + 48));
    store<u16>(dst + j, <u16>i8x16.bitmask(i8x16.narrow_i16x8_s(a, b)));
  }
}

// @ts-ignore: decorator
@inline
function isPositive(src: usize): v128 {
  return f32x4.ge(v128.load(src), f32x4.splat(0));
}

export function decode_q1_0(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES) {
    const d = splatF16(src);
    for (let j: usize = 2; j < 18; j++, dst += 32) {
      const byte = i32x4.splat(<i32>load<u8>(src + j));
      v128.store(dst, withSigns(byte, i32x4(1, 2, 4, 8), d));
      v128.store(dst, withSigns(byte, i32x4(16, 32, 64, 128), d), 16);
    }
  }
}

/** d where the bit is set, -d elsewhere. */
// @ts-ignore: decorator
@inline
function withSigns(byte: v128, bits: v128, d: v128): v128 {
  const isClear = i32x4.eq(v128.and(byte, bits), i32x4.splat(0));
  return v128.xor(d, i32x4.shl(isClear, 31));
}
