// Twin of q8_0.ts. Magnitudes are compared as integers, whose order is that of the floats, with NaN above all.
import { f16BitsOfScales, splatF16 } from "../simd/half";
import { greatestIntOfEach, inverseOrNaN, inverseOrZero, storeHalves } from "../simd/lanes";

const BLOCK_SIZE: i32 = 32;
const BLOCK_BYTES: usize = 34;

export function encode_q8_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocks = (rows * rowLength) / BLOCK_SIZE;
  for (let block = 0; block < blocks; block += 4) {
    // The last group repeats the last block: it is encoded again to the same bytes.
    const s0 = src + (<usize>block << 7);
    const d0 = dst + <usize>block * BLOCK_BYTES;
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    encodeFour(s0, s0 + (n1 << 7), s0 + (n2 << 7), s0 + (n3 << 7),
      d0, d0 + n1 * BLOCK_BYTES, d0 + n2 * BLOCK_BYTES, d0 + n3 * BLOCK_BYTES);
  }
}

// @ts-ignore: decorator
@inline
function encodeFour(s0: usize, s1: usize, s2: usize, s3: usize, d0: usize, d1: usize, d2: usize, d3: usize): void {
  const amax = greatestIntOfEach(largest(s0), largest(s1), largest(s2), largest(s3));
  if (!i32x4.all_true(f32x4.lt(amax, f32x4.splat(Infinity)))) {
    encodeNotFinite(s0, d0);
    encodeNotFinite(s1, d1);
    encodeNotFinite(s2, d2);
    encodeNotFinite(s3, d3);
    return;
  }
  const scale = f32x4.div(amax, f32x4.splat(127));
  const bits = f16BitsOfScales(scale);
  // An inverse that overflows makes infinities, and those codes of 0: as an inverse of 0 does.
  let inverse = inverseOrZero(scale);
  inverse = v128.and(inverse, f32x4.lt(inverse, f32x4.splat(Infinity)));
  storeHalves(bits, d0, d1, d2, d3);
  encodeCodes(s0, d0 + 2, v128.shuffle<f32>(inverse, inverse, 0, 0, 0, 0));
  encodeCodes(s1, d1 + 2, v128.shuffle<f32>(inverse, inverse, 1, 1, 1, 1));
  encodeCodes(s2, d2 + 2, v128.shuffle<f32>(inverse, inverse, 2, 2, 2, 2));
  encodeCodes(s3, d3 + 2, v128.shuffle<f32>(inverse, inverse, 3, 3, 3, 3));
}

/** Four candidates for the largest magnitude of a block. */
// @ts-ignore: decorator
@inline
function largest(src: usize): v128 {
  const mask = i32x4.splat(0x7fffffff);
  const a = i32x4.max_s(v128.and(v128.load(src), mask), v128.and(v128.load(src, 16), mask));
  const b = i32x4.max_s(v128.and(v128.load(src, 32), mask), v128.and(v128.load(src, 48), mask));
  const c = i32x4.max_s(v128.and(v128.load(src, 64), mask), v128.and(v128.load(src, 80), mask));
  const d = i32x4.max_s(v128.and(v128.load(src, 96), mask), v128.and(v128.load(src, 112), mask));
  return i32x4.max_s(i32x4.max_s(a, b), i32x4.max_s(c, d));
}

/**
 * A block with infinities or NaN as the scalar definition has it: a NaN is forgotten by the next weight, with all that was before it, so codes
 * may pass 127 and wrap.
 */
function encodeNotFinite(src: usize, dst: usize): void {
  let amax: f32 = 0;
  for (let j: usize = 0; j < 128; j += 4) {
    const magnitude = abs<f32>(load<f32>(src + j));
    amax = amax > magnitude ? amax : magnitude;
  }
  const scale = f32x4.splat(amax / 127);
  v128.store16_lane(dst, f16BitsOfScales(scale), 0);
  const inverse = inverseOrNaN(scale);
  for (let j: usize = 0; j < 32; j++) {
    const q = i32x4.extract_lane(i32x4.trunc_sat_f32x4_s(towardsNearest(v128.load32_splat(src + (j << 2)), inverse)), 0);
    store<i8>(dst + 2 + j, q == i32.MAX_VALUE ? 0 : <i8>q);
  }
}

// @ts-ignore: decorator
@inline
function encodeCodes(src: usize, dst: usize, inverse: v128): void {
  v128.store(dst, encodeSixteen(src, inverse));
  v128.store(dst, encodeSixteen(src + 64, inverse), 16);
}

// @ts-ignore: decorator
@inline
function encodeSixteen(src: usize, inverse: v128): v128 {
  const a = i16x8.narrow_i32x4_s(code(v128.load(src), inverse), code(v128.load(src, 16), inverse));
  const b = i16x8.narrow_i32x4_s(code(v128.load(src, 32), inverse), code(v128.load(src, 48), inverse));
  return i8x16.narrow_i16x8_s(a, b);
}

/** Codes of finite weights: in 1.5 * 2^23 + k the integer k is what the bits have more than those of 1.5 * 2^23. */
// @ts-ignore: decorator
@inline
function code(weights: v128, inverse: v128): v128 {
  const origin = f32x4.splat(12582912);
  return i32x4.sub(f32x4.add(f32x4.trunc(towardsNearest(weights, inverse)), origin), origin);
}

/** What truncation makes the nearest integer, halves away from zero: x plus the largest f32 below one half, with its sign. */
// @ts-ignore: decorator
@inline
function towardsNearest(weights: v128, inverse: v128): v128 {
  const x = f32x4.mul(weights, inverse);
  return f32x4.add(x, v128.or(v128.and(x, i32x4.splat(0x80000000)), i32x4.splat(0x3effffff)));
}

export function decode_q8_0(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 128) {
    const d = splatF16(src);
    decodeEight(src + 2, dst, d);
    decodeEight(src + 10, dst + 32, d);
    decodeEight(src + 18, dst + 64, d);
    decodeEight(src + 26, dst + 96, d);
  }
}

// @ts-ignore: decorator
@inline
function decodeEight(src: usize, dst: usize, d: v128): void {
  const codes = v128.load8x8_s(src);
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(codes)), d));
  v128.store(dst, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(codes)), d), 16);
}
