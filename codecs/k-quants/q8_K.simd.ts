// Twin of q8_K.ts.
import { decodeSixteenSigned } from "./simd/k-decode";
import { nearestInt } from "../simd/lanes";

const BLOCK_BYTES: usize = 292;
const QS: usize = 4;
const BSUMS: usize = 260;

export function encode_q8_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  for (let blocks = (rows * rowLength) >> 8; blocks > 0; blocks--, src += 1024, dst += BLOCK_BYTES) {
    const extreme = firstExtreme(src);
    if (extreme == 0) {
      memory.fill(dst, 0, BLOCK_BYTES);
      continue;
    }
    const inverse: f32 = <f32>-127 / extreme, k = f32x4.splat(inverse);
    store<f32>(dst, <f32>1 / inverse);
    for (let group: usize = 0; group < 16; group++) {
      const x = src + (group << 6);
      // 128 saturates to 127 when narrowed; nothing is below -128 but infinities, whose low byte is 0.
      const low = i16x8.narrow_i32x4_s(code(v128.load(x), k), code(v128.load(x, 16), k));
      const high = i16x8.narrow_i32x4_s(code(v128.load(x, 32), k), code(v128.load(x, 48), k));
      const codes = i8x16.narrow_i16x8_s(low, high);
      v128.store(dst + QS + (group << 4), codes);
      let sums = i32x4.extadd_pairwise_i16x8_s(i16x8.extadd_pairwise_i8x16_s(codes));
      sums = i32x4.add(sums, v128.shuffle<i32>(sums, sums, 2, 3, 0, 1));
      store<i16>(dst + BSUMS + (group << 1), <i16>(i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1)));
    }
  }
}

/** Nearest integer; NaN counts as 0. Infinities, only possible as -2^22, keep their low byte, 0. */
// @ts-ignore: decorator
@inline
function code(x: v128, inverse: v128): v128 {
  const scaled = f32x4.mul(x, inverse);
  const nearest = nearestInt(v128.and(scaled, f32x4.eq(scaled, scaled)));
  return v128.and(nearest, i32x4.gt_s(nearest, i32x4.splat(-129)));
}

/** The number of largest magnitude, the first of equals; 0 when all are zero or NaN. */
function firstExtreme(src: usize): f32 {
  let largest = f32x4.splat(0);
  for (let at: usize = 0; at < 1024; at += 16) largest = f32x4.pmax(largest, f32x4.abs(v128.load(src + at)));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 2, 3, 0, 1));
  largest = f32x4.pmax(largest, v128.shuffle<f32>(largest, largest, 1, 0, 3, 2));
  for (let at: usize = 0; at < 1024; at += 16) {
    const found = i32x4.bitmask(f32x4.eq(f32x4.abs(v128.load(src + at)), largest));
    if (found) return load<f32>(src + at + (<usize>ctz(found) << 2));
  }
  return 0;
}

export function decode_q8_K(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    const d = v128.load32_splat(src);
    for (let at: usize = 0; at < 256; at += 16) decodeSixteenSigned(v128.load(src + QS + at), d, dst + (at << 2));
  }
}
