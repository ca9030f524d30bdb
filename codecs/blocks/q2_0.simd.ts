// Twin of q2_0.ts.
import { largestOfFour } from "../lookup/simd/e2m1";
import { f16BitsOfScales, splatF16 } from "../simd/half";
import { greatestOfEach, inverseOrNaN } from "../simd/lanes";
import { storeProducts } from "../k-quants/simd/sixteen";
import { ternarySixteen } from "./simd/ternary";

const BLOCK_BYTES: usize = 18;

export function encode_q2_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  for (let blocks = (rows * rowLength) / 64; blocks > 0; blocks--, src += 256, dst += BLOCK_BYTES) {
    const lanes = largestOfFour(src + 128, largestOfFour(src, f32x4.splat(0)));
    const all = largestOfFour(src + 192, largestOfFour(src + 64, lanes));
    const d = greatestOfEach(all, all, all, all);
    v128.store16_lane(dst, f16BitsOfScales(d), 0);
    const inverse = inverseOrNaN(d);
    v128.store(dst, i8x16.narrow_i16x8_u(
      i16x8.narrow_i32x4_u(joinFour(ternarySixteen(src, inverse, 0)), joinFour(ternarySixteen(src + 64, inverse, 0))),
      i16x8.narrow_i32x4_u(joinFour(ternarySixteen(src + 128, inverse, 0)), joinFour(ternarySixteen(src + 192, inverse, 0))),
    ), 2);
  }
}

/** Each four bytes below 4 as one byte, in 32-bit lanes. */
// @ts-ignore: decorator
@inline
function joinFour(codes: v128): v128 {
  const pairs = v128.and(v128.or(codes, i16x8.shr_u(codes, 6)), i16x8.splat(15));
  return v128.and(v128.or(pairs, i32x4.shr_u(pairs, 12)), i32x4.splat(0xff));
}

export function decode_q2_0(src: usize, dst: usize, blocks: i32): void {
  const three = i8x16.splat(3), one = i8x16.splat(1);
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 256) {
    const d = splatF16(src), bytes = v128.load(src, 2);
    const a = i8x16.sub(v128.and(bytes, three), one), b = i8x16.sub(v128.and(i16x8.shr_u(bytes, 2), three), one);
    const c = i8x16.sub(v128.and(i16x8.shr_u(bytes, 4), three), one), e = i8x16.sub(v128.and(i16x8.shr_u(bytes, 6), three), one);
    const ab = i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const ce = i8x16.shuffle(c, e, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const ab2 = i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    const ce2 = i8x16.shuffle(c, e, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    storeProducts(v128.shuffle<i16>(ab, ce, 0, 8, 1, 9, 2, 10, 3, 11), d, dst);
    storeProducts(v128.shuffle<i16>(ab, ce, 4, 12, 5, 13, 6, 14, 7, 15), d, dst + 64);
    storeProducts(v128.shuffle<i16>(ab2, ce2, 0, 8, 1, 9, 2, 10, 3, 11), d, dst + 128);
    storeProducts(v128.shuffle<i16>(ab2, ce2, 4, 12, 5, 13, 6, 14, 7, 15), d, dst + 192);
  }
}
