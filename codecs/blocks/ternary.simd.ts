// Twin of ternary.ts.
import { f16BitsOfScales, splatF16 } from "../simd/half";
import { greatestIntOfEach, inverseOrNaN, inverseOrZero } from "../simd/lanes";
import { storeProducts } from "../k-quants/simd/sixteen";
import { ternarySixteen } from "./simd/ternary";

const TQ1_BYTES: usize = 54;
const TQ2_BYTES: usize = 66;
/** The digits of one block, a byte each. */
const DIGITS: usize = memory.data(256, 16);
/** Four copies of the block's scale. */
const SCALE: usize = memory.data(16, 16);

export function encode_tq1_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  for (let blocks = (rows * rowLength) / 256; blocks > 0; blocks--, src += 1024, dst += TQ1_BYTES) {
    findDigits(src);
    v128.store16_lane(dst + 52, f16BitsOfScales(v128.load(SCALE)), 0);
    v128.store(dst, fiveDigits(DIGITS, 32));
    v128.store(dst, fiveDigits(DIGITS + 16, 32), 16);
    v128.store(dst, fiveDigits(DIGITS + 160, 16), 32);
    let last = i8x16.splat(0);
    for (let n: usize = 0; n < 16; n += 4) last = i8x16.add(timesThree(last), v128.load32_zero(DIGITS + 240 + n));
    v128.store32_lane(dst + 48, spread(timesThree(last)), 0);
  }
}

/** The base-3 numbers of sixteen bytes' five digits, `stride` apart, as the format stores them. */
// @ts-ignore: decorator
@inline
function fiveDigits(digits: usize, stride: usize): v128 {
  let number = v128.load(digits);
  for (let n = 1; n < 5; n++) {
    digits += stride;
    number = i8x16.add(timesThree(number), v128.load(digits));
  }
  return spread(number);
}

// @ts-ignore: decorator
@inline
function timesThree(x: v128): v128 {
  return i8x16.add(i8x16.add(x, x), x);
}

/** (256 x + 242) / 243 of sixteen bytes. */
// @ts-ignore: decorator
@inline
function spread(x: v128): v128 {
  const low = i16x8.extend_low_i8x16_u(x), high = i16x8.extend_high_i8x16_u(x);
  return i8x16.narrow_i16x8_u(
    i16x8.narrow_i32x4_u(divide(i32x4.extend_low_i16x8_u(low)), divide(i32x4.extend_high_i16x8_u(low))),
    i16x8.narrow_i32x4_u(divide(i32x4.extend_low_i16x8_u(high)), divide(i32x4.extend_high_i16x8_u(high))),
  );
}

// (256 x + 242) / 243 = x + (13 x + 242) / 243, and 4316 / 2^20 exceeds 1/243 by 212 / (243 * 2^20): right below 4946,
// and 13 * 255 + 242 is 3557.
// @ts-ignore: decorator
@inline
function divide(x: v128): v128 {
  const dividend = i32x4.add(i32x4.mul(x, i32x4.splat(13)), i32x4.splat(242));
  const quotient = i32x4.shr_u(i32x4.mul(dividend, i32x4.splat(4316)), 20);
  return v128.and(i32x4.add(x, quotient), i32x4.splat(0xff));
}

export function encode_tq2_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const three = i8x16.splat(3);
  for (let blocks = (rows * rowLength) / 256; blocks > 0; blocks--, src += 1024, dst += TQ2_BYTES) {
    findDigits(src);
    v128.store16_lane(dst + 64, f16BitsOfScales(v128.load(SCALE)), 0);
    for (let m: usize = 0; m < 64; m += 16) {
      const at = DIGITS + (m & 31) + 4 * (m & 32);
      const a = v128.and(v128.load(at), three), b = v128.and(v128.load(at, 32), three);
      const c = v128.and(v128.load(at, 64), three), d = v128.and(v128.load(at, 96), three);
      v128.store(dst + m, v128.or(v128.or(a, i16x8.shl(b, 2)), v128.or(i16x8.shl(c, 4), i16x8.shl(d, 6))));
    }
  }
}

/** Scale and digits of a block. */
function findDigits(src: usize): void {
  const mask = i32x4.splat(0x7fffffff);
  let a = i32x4.splat(0), b = a;
  for (let j: usize = 0; j < 1024; j += 32) {
    a = i32x4.max_s(a, v128.and(v128.load(src + j), mask));
    b = i32x4.max_s(b, v128.and(v128.load(src + j, 16), mask));
  }
  a = i32x4.max_s(a, b);
  const largest = greatestIntOfEach(a, a, a, a);
  if (v128.any_true(f32x4.ne(largest, largest))) return findDigitsWithNaN(src);
  v128.store(SCALE, largest);
  const inverse = inverseOrNaN(largest);
  for (let j: usize = 0; j < 256; j += 16) v128.store(DIGITS + j, ternarySixteen(src + (j << 2), inverse, 1));
}

/** As the scalar definition has it: a NaN is forgotten by the next weight, with all that was before it. */
function findDigitsWithNaN(src: usize): void {
  let largest: f32 = 0;
  for (let j: usize = 0; j < 1024; j += 4) {
    const magnitude = abs<f32>(load<f32>(src + j));
    largest = largest > magnitude ? largest : magnitude;
  }
  v128.store(SCALE, f32x4.splat(largest));
  const inverse = f32x4.extract_lane(inverseOrZero(f32x4.splat(largest)), 0);
  for (let j: usize = 0; j < 256; j++) {
    const x = load<f32>(src + (j << 2)) * inverse;
    const rounded = x < 0 ? -floor<f64>(0.5 - <f64>x) : floor<f64>(<f64>x + 0.5);
    // The low byte of a 64-bit integer, as in C; beyond its range and for NaN that is 0.
    const isInRange = abs<f64>(rounded) < 9223372036854775808.0;
    store<u8>(DIGITS + j, <u8>((isInRange ? <i64>rounded : 0) + 1));
  }
}

export function decode_tq1_0(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += TQ1_BYTES, dst += 1024) {
    const d = splatF16(src + 52);
    decodeFive(v128.load(src), dst, 128, d);
    decodeFive(v128.load(src, 16), dst + 64, 128, d);
    decodeFive(v128.load(src, 32), dst + 640, 64, d);
    let rest = i16x8.extend_low_i8x16_u(v128.load32_zero(src, 48));
    for (let n: usize = 0; n < 64; n += 16) {
      rest = i16x8.add(i16x8.add(rest, rest), rest);
      const digits = i16x8.sub(i16x8.shr_u(rest, 8), i16x8.splat(1));
      v128.store(dst + 960 + n, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(digits)), d));
      rest = v128.and(rest, i16x8.splat(0xff));
    }
  }
}

/** The five digits of sixteen bytes, each to sixteen weights `stride` bytes behind the ones before. */
// @ts-ignore: decorator
@inline
function decodeFive(bytes: v128, dst: usize, stride: usize, d: v128): void {
  let low = i16x8.extend_low_i8x16_u(bytes), high = i16x8.extend_high_i8x16_u(bytes);
  const mask = i16x8.splat(0xff);
  for (let n = 0; n < 5; n++, dst += stride) {
    low = i16x8.add(i16x8.add(low, low), low);
    high = i16x8.add(i16x8.add(high, high), high);
    const digits = i8x16.narrow_i16x8_u(i16x8.shr_u(low, 8), i16x8.shr_u(high, 8));
    storeProducts(i8x16.sub(digits, i8x16.splat(1)), d, dst);
    low = v128.and(low, mask);
    high = v128.and(high, mask);
  }
}

export function decode_tq2_0(src: usize, dst: usize, blocks: i32): void {
  const three = i8x16.splat(3), one = i8x16.splat(1);
  for (; blocks > 0; blocks--, src += TQ2_BYTES) {
    const d = splatF16(src + 64);
    for (let half: usize = 0; half < 64; half += 32, dst += 512) {
      for (let m: usize = 0; m < 32; m += 16) {
        const bytes = v128.load(src + half + m), at = dst + (m << 2);
        storeProducts(i8x16.sub(v128.and(bytes, three), one), d, at);
        storeProducts(i8x16.sub(v128.and(i16x8.shr_u(bytes, 2), three), one), d, at + 128);
        storeProducts(i8x16.sub(v128.and(i16x8.shr_u(bytes, 4), three), one), d, at + 256);
        storeProducts(i8x16.sub(v128.and(i16x8.shr_u(bytes, 6), three), one), d, at + 384);
      }
    }
  }
}
