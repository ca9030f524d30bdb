// Twin of q4_0.ts. Without importance the weights of a block stay in their order, and only the scales of four blocks
// share a vector; with importance each lane searches a block of its own.
import { extremes } from "./simd/extreme";
import { f16BitsOfScales, splatF16 } from "./simd/half";
import { inverseOrNaN, storeHalves, transpose } from "./simd/lanes";
import { IMPORTANCE, SCALES, WEIGHTS, scaleImportance, searchSignedScales, storeNibbles, sumOfSquares } from "./simd/signed-search";

const BLOCK_SIZE: i32 = 32;
const BLOCK_BYTES: usize = 18;

export function encode_q4_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  if (importance != 0) {
    const rowBytes = <usize>(rowLength / BLOCK_SIZE) * BLOCK_BYTES;
    for (; rows > 0; rows--, src += <usize>rowLength << 2, dst += rowBytes) encodeRow(src, dst, rowLength, importance);
    return;
  }
  const blocks = (rows * rowLength) / BLOCK_SIZE;
  for (let block = 0; block < blocks; block += 4) {
    // The last group repeats the last block: it is encoded again to the same bytes.
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    const s0 = src + (<usize>block << 7), d0 = dst + <usize>block * BLOCK_BYTES;
    const s1 = s0 + (n1 << 7), s2 = s0 + (n2 << 7), s3 = s0 + (n3 << 7);
    const d1 = d0 + n1 * BLOCK_BYTES, d2 = d0 + n2 * BLOCK_BYTES, d3 = d0 + n3 * BLOCK_BYTES;
    const scale = f32x4.div(extremes(s0, s1, s2, s3), f32x4.splat(-8));
    storeHalves(f16BitsOfScales(scale), d0, d1, d2, d3);
    const inverse = inverseOrNaN(scale);
    v128.store(d0, codes(s0, v128.shuffle<f32>(inverse, inverse, 0, 0, 0, 0)), 2);
    v128.store(d1, codes(s1, v128.shuffle<f32>(inverse, inverse, 1, 1, 1, 1)), 2);
    v128.store(d2, codes(s2, v128.shuffle<f32>(inverse, inverse, 2, 2, 2, 2)), 2);
    v128.store(d3, codes(s3, v128.shuffle<f32>(inverse, inverse, 3, 3, 3, 3)), 2);
  }
}

/** The 16 bytes of codes of one block. */
// @ts-ignore: decorator
@inline
function codes(src: usize, inverse: v128): v128 {
  const low = i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_u(code(v128.load(src), inverse), code(v128.load(src, 16), inverse)),
    i16x8.narrow_i32x4_u(code(v128.load(src, 32), inverse), code(v128.load(src, 48), inverse)),
  );
  const high = i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_u(code(v128.load(src, 64), inverse), code(v128.load(src, 80), inverse)),
    i16x8.narrow_i32x4_u(code(v128.load(src, 96), inverse), code(v128.load(src, 112), inverse)),
  );
  const most = i8x16.splat(15);
  return v128.or(i8x16.min_u(low, most), i16x8.shl(i8x16.min_u(high, most), 4));
}

/** trunc(x / d + 8.5) of four weights, from 0 to 16; NaN to 0. */
// @ts-ignore: decorator
@inline
function code(x: v128, inverse: v128): v128 {
  // pmax(0, NaN) is 0.
  const shifted = f32x4.pmax(f32x4.splat(0), f32x4.add(f32x4.mul(x, inverse), f32x4.splat(8.5)));
  // In 2^23 + k the integer k lies in the lowest bits: cheaper than a saturating conversion.
  return v128.and(f32x4.add(f32x4.trunc(shifted), f32x4.splat(8388608)), i32x4.splat(0xff));
}

function encodeRow(src: usize, dst: usize, rowLength: i32, importance: usize): void {
  const blocks = rowLength / BLOCK_SIZE;
  const sigma2 = sumOfSquares(src, rowLength) / <f32>rowLength;
  for (let block = 0; block < blocks; block += 4) {
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    const s0 = src + (<usize>block << 7), w0 = importance + (<usize>block << 7), d0 = dst + <usize>block * BLOCK_BYTES;
    const d1 = d0 + n1 * BLOCK_BYTES, d2 = d0 + n2 * BLOCK_BYTES, d3 = d0 + n3 * BLOCK_BYTES;
    transpose(s0, s0 + (n1 << 7), s0 + (n2 << 7), s0 + (n3 << 7), BLOCK_SIZE, WEIGHTS);
    transpose(w0, w0 + (n1 << 7), w0 + (n2 << 7), w0 + (n3 << 7), BLOCK_SIZE, IMPORTANCE);
    scaleImportance(BLOCK_SIZE, sigma2);
    searchSignedScales(BLOCK_SIZE, 8);
    storeHalves(f16BitsOfScales(v128.load(SCALES)), d0, d1, d2, d3);
    storeNibbles(d0 + 2, d1 + 2, d2 + 2, d3 + 2);
  }
}

export function decode_q4_0(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 128) {
    const d = splatF16(src);
    const pairs = v128.load(src, 2);
    decodeSixteen(v128.and(pairs, i8x16.splat(15)), dst, d);
    decodeSixteen(v128.and(i16x8.shr_u(pairs, 4), i8x16.splat(15)), dst + 64, d);
  }
}

// @ts-ignore: decorator
@inline
function decodeSixteen(codes: v128, dst: usize, d: v128): void {
  const signed = i8x16.sub(codes, i8x16.splat(8));
  const low = i16x8.extend_low_i8x16_s(signed), high = i16x8.extend_high_i8x16_s(signed);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low)), d));
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low)), d), 16);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high)), d), 32);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high)), d), 48);
}
