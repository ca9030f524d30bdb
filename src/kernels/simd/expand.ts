// Fills the tile from up to four row-major blocks: the twin of ../views. `at` is the first block, `stride` the
// distance to the next row's, `rows` how many there are. Kernel numbers: see ../kernel-numbers.ts.
import { CODE_BITS, DIMENSION, LEVELS, POINTS, TABLES, word } from "../../../codecs/codebooks/simd/prepared-codebook";
import { f32OfF16Bits } from "../../../codecs/simd/half";
import { storeMinima, unpackSixBits } from "./k-scales";
import { bitMask, highPairs, MINIMA, ROW_BYTES, SCALES, storeScaled, storeSigned } from "./tile";

// @ts-ignore: decorator
@inline
export function low(bytes: v128): v128 { return v128.and(bytes, i8x16.splat(15)); }
// @ts-ignore: decorator
@inline
export function high(bytes: v128): v128 { return i8x16.shr_u(bytes, 4); }

// @ts-ignore: decorator
@inline
export function iq4Table(): v128 { return i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113); }
// @ts-ignore: decorator
@inline
export function fp4Table(): v128 { return i8x16(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12); }

// The f16 of four rows as f32; rows that do not exist repeat the last one.
// @ts-ignore: decorator
@inline
function halves(at: usize, stride: usize, rows: i32): v128 {
  const b = at + (rows > 1 ? stride : 0), c = b + (rows > 2 ? stride : 0), d = c + (rows > 3 ? stride : 0);
  return f32OfF16Bits(i32x4(<i32>load<u16>(at), <i32>load<u16>(b), <i32>load<u16>(c), <i32>load<u16>(d)));
}

// 2^(e - 128), the two smallest subnormal.
export function halfE8m0(e: u32): f32 {
  return reinterpret<f32>(e < 2 ? 0x00200000 << e : (e - 1) << 23);
}

function halfE4m3(byte: u32): f32 {
  if (byte == 0x7f) return 0;
  const exponent = (byte >> 3) & 15, mantissa = byte & 7;
  return exponent == 0 ? <f32>mantissa * <f32>(1.0 / 1024.0) : <f32>(mantissa + 8) * reinterpret<f32>(<u32>((exponent + 116) << 23));
}

function expandGroups(kernel: i32, at: usize, stride: usize, rows: i32, tile: usize): void {
  v128.store(tile + SCALES, halves(at, stride, rows));
  if (kernel == 1 || kernel == 3) {
    v128.store(tile + SCALES, f32x4.neg(halves(at + 2, stride, rows)), 16);
    for (let r: usize = 0; r < 4; r++) store<u32>(tile + MINIMA + 32 * r, 0x00010001);
  }
  for (let r: i32 = 0; r < rows; r++, at += stride, tile += ROW_BYTES) {
    switch (kernel) {
      case 0: { // q4_0
        const v = v128.load(at, 2), eight = i8x16.splat(8);
        storeSigned(tile, i8x16.sub(low(v), eight));
        storeSigned(tile + 32, i8x16.sub(high(v), eight));
        break;
      }
      case 1: { // q4_1
        const v = v128.load(at, 4);
        storeSigned(tile, low(v));
        storeSigned(tile + 32, high(v));
        break;
      }
      case 2: { // q5_0
        const v = v128.load(at, 6), bits = load<u32>(at, 2), sixteen = i8x16.splat(16);
        // A clear high bit subtracts 16.
        storeSigned(tile, i8x16.sub(low(v), v128.andnot(sixteen, bitMask(bits))));
        storeSigned(tile + 32, i8x16.sub(high(v), v128.andnot(sixteen, bitMask(bits >> 16))));
        break;
      }
      case 3: { // q5_1
        const v = v128.load(at, 8), bits = load<u32>(at, 4), sixteen = i8x16.splat(16);
        storeSigned(tile, v128.or(low(v), v128.and(sixteen, bitMask(bits))));
        storeSigned(tile + 32, v128.or(high(v), v128.and(sixteen, bitMask(bits >> 16))));
        break;
      }
      case 4: { // q8_0
        storeSigned(tile, v128.load(at, 2));
        storeSigned(tile + 32, v128.load(at, 18));
        break;
      }
      default: { // iq4_nl
        const v = v128.load(at, 2);
        storeSigned(tile, i8x16.swizzle(iq4Table(), low(v)));
        storeSigned(tile + 32, i8x16.swizzle(iq4Table(), high(v)));
      }
    }
  }
}

function expandMxfp4(at: usize, stride: usize, rows: i32, tile: usize): void {
  for (let r: i32 = 0; r < rows; r++, at += stride) {
    store<f32>(tile + SCALES + (<usize>r << 2), halfE8m0(<u32>load<u8>(at)));
    const v = v128.load(at, 1), values = tile + <usize>r * ROW_BYTES;
    storeSigned(values, i8x16.swizzle(fp4Table(), low(v)));
    storeSigned(values + 32, i8x16.swizzle(fp4Table(), high(v)));
  }
}

function expandNvfp4(at: usize, stride: usize, rows: i32, tile: usize): void {
  for (let r: i32 = 0; r < rows; r++, at += stride) {
    for (let step: usize = 0; step < 4; step++) {
      store<f32>(tile + SCALES + (step << 5) + (<usize>r << 2), halfE4m3(<u32>load<u8>(at + step)));
      const v = v128.load64_zero(at + 4 + 8 * step);
      const codes = i8x16.shuffle(low(v), high(v), 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
      storeSigned(tile + <usize>r * ROW_BYTES + 32 * step, i8x16.swizzle(fp4Table(), codes));
    }
  }
}

// One scale for several activation blocks: q1_0 (128 weights), q2_0 (64).
function expandBits(isPairs: bool, at: usize, stride: usize, rows: i32, tile: usize): void {
  const d = halves(at, stride, rows);
  for (let step: usize = 0; step < 4; step++) v128.store(tile + SCALES + (step << 5), d);
  for (let r: i32 = 0; r < rows; r++, at += stride) {
    const values = tile + <usize>r * ROW_BYTES, one = i8x16.splat(1);
    if (isPairs) {
      for (let k: usize = 0; k < 4; k++)
        storeSigned(values + 32 * k, i8x16.sub(i8x16.shr_u(highPairs(load<u32>(at + 2 + 4 * k)), 4), one));
    } else {
      for (let k: usize = 0; k < 8; k++)
        storeSigned(values + 32 * k, i8x16.sub(v128.and(bitMask(<u32>load<u16>(at + 2 + 2 * k)), i8x16.splat(2)), one));
    }
  }
}

function expandIq4Xs(at: usize, stride: usize, rows: i32, tile: usize): void {
  v128.store(tile + SCALES, halves(at, stride, rows));
  for (let r: i32 = 0; r < rows; r++, at += stride, tile += ROW_BYTES) {
    const highBits = <i32>load<u16>(at, 2), lowBits = load<i32>(at, 4);
    for (let g: i32 = 0; g < 8; g++) {
      const scale = (((lowBits >> (4 * g)) & 15) | (((highBits >> (2 * g)) & 3) << 4)) - 32;
      const v = v128.load(at + 8 + 16 * <usize>g), values = tile + 64 * <usize>g;
      storeScaled(values, i8x16.swizzle(iq4Table(), low(v)), scale);
      storeScaled(values + 32, i8x16.swizzle(iq4Table(), high(v)), scale);
    }
  }
}

// q4_K (144 bytes: qs at 16) and q5_K (176 bytes: qh at 16, qs at 48).
function expandK45(hasHighBits: bool, at: usize, stride: usize, rows: i32, tile: usize): void {
  v128.store(tile + SCALES, halves(at, stride, rows));
  v128.store(tile + SCALES, halves(at + 2, stride, rows), 16);
  for (let r: i32 = 0; r < rows; r++, at += stride) {
    const values = tile + <usize>r * ROW_BYTES;
    const both = unpackSixBits(at + 4);
    storeMinima(tile + MINIMA + 32 * <usize>r, both);
    let scales = <u64>i64x2.extract_lane(both, 0);
    let h0 = i64x2.splat(0), h1 = h0;
    let codes = at + 16;
    if (hasHighBits) {
      h0 = v128.load(at, 16);
      h1 = v128.load(at, 32);
      codes += 32;
    }
    for (let g: usize = 0; g < 8; g++, scales >>= 8) {
      const scale = <i32>scales & 255, from = codes + 32 * (g >> 1), shift = 4 * (<i32>g & 1);
      let a = low(i8x16.shr_u(v128.load(from), shift)), b = low(i8x16.shr_u(v128.load(from, 16), shift));
      if (hasHighBits) {
        const one = i8x16.splat(1);
        a = v128.or(a, i8x16.shl(v128.and(i8x16.shr_u(h0, <i32>g), one), 4));
        b = v128.or(b, i8x16.shl(v128.and(i8x16.shr_u(h1, <i32>g), one), 4));
      }
      storeScaled(values + 64 * g, a, scale);
      storeScaled(values + 64 * g + 32, b, scale);
    }
  }
}

function expandQ6K(at: usize, stride: usize, rows: i32, tile: usize): void {
  v128.store(tile + SCALES, halves(at + 208, stride, rows));
  const three = i8x16.splat(3), offset = i8x16.splat(32);
  for (let r: i32 = 0; r < rows; r++, at += stride, tile += ROW_BYTES) {
    for (let k: usize = 0; k < 16; k++) {
      // k counts 16 weights: half k >> 3, quarter (k >> 1) & 3, upper 16 of a quarter k & 1.
      const quarter = <i32>(k >> 1) & 3, upper: usize = 16 * (k & <usize>1);
      const ql = v128.load(at + 64 * (k >> 3) + 32 * (<usize>quarter & 1) + upper);
      const qh = v128.load(at + 128 + 32 * (k >> 3) + upper);
      const lowBits = low(i8x16.shr_u(ql, 4 * (quarter >> 1)));
      const highBits = i8x16.shl(v128.and(i8x16.shr_u(qh, 2 * quarter), three), 4);
      storeScaled(tile + 32 * k, i8x16.sub(v128.or(lowBits, highBits), offset), <i32>load<i8>(at + 192 + k));
    }
  }
}

// q2_K (84 bytes), q3_K (110) and tq2_0 (66): two-bit codes, sixteen sub-blocks.
function expandPairs(kernel: i32, at: usize, stride: usize, rows: i32, tile: usize): void {
  const dOffset: usize = kernel == 10 ? 80 : kernel == 11 ? 108 : 64, codes: usize = kernel == 10 ? 16 : kernel == 11 ? 32 : 0;
  v128.store(tile + SCALES, halves(at + dOffset, stride, rows));
  if (kernel == 10) v128.store(tile + SCALES, halves(at + 82, stride, rows), 16);
  const three = i8x16.splat(3);
  for (let r: i32 = 0; r < rows; r++, at += stride) {
    const values = tile + <usize>r * ROW_BYTES;
    for (let k: usize = 0; k < 16; k++) {
      const shift = <i32>(k >> 1) & 3, upper: usize = 16 * (k & <usize>1);
      let v = v128.and(i8x16.shr_u(v128.load(at + codes + 32 * (k >> 3) + upper), 2 * shift), three);
      let scale: i32 = 1;
      if (kernel == 10) {
        const sm = <i32>load<u8>(at + k);
        scale = sm & 15;
        store<i16>(tile + MINIMA + 32 * <usize>r + 2 * k, <i16>(sm >> 4));
      } else if (kernel == 11) {
        const four = i8x16.splat(4);
        const mask = i8x16.shr_u(v128.load(at + upper), <i32>(k >> 1));
        v = i8x16.sub(v, v128.andnot(four, i8x16.shl(mask, 2)));
        const lowBits = (<i32>load<u8>(at + 96 + (k & 7)) >> (k < 8 ? 0 : 4)) & 15;
        const highBits = (<i32>load<u8>(at + 104 + (k & 3)) >> (2 * <i32>(k >> 2))) & 3;
        scale = (lowBits | (highBits << 4)) - 32;
      } else v = i8x16.sub(v, i8x16.splat(1));
      storeScaled(values + 32 * k, v, scale);
    }
  }
}

// Sixteen ternary digits: floor(3 * (byte * 3^n mod 256) / 256) - 1. The bytes already hold byte * 3^n mod 256.
// @ts-ignore: decorator
@inline
function digits(bytes: v128): v128 {
  const three = i16x8.splat(3);
  const a = i16x8.shr_u(i16x8.mul(i16x8.extend_low_i8x16_u(bytes), three), 8);
  const b = i16x8.shr_u(i16x8.mul(i16x8.extend_high_i8x16_u(bytes), three), 8);
  return i8x16.sub(i8x16.narrow_i16x8_s(a, b), i8x16.splat(1));
}

// Each byte times three, modulo 256.
// @ts-ignore: decorator
@inline
function timesThree(bytes: v128): v128 { return i8x16.add(bytes, i8x16.add(bytes, bytes)); }

function expandTq1(at: usize, stride: usize, rows: i32, tile: usize): void {
  v128.store(tile + SCALES, halves(at + 52, stride, rows));
  for (let r: i32 = 0; r < rows; r++, at += stride, tile += ROW_BYTES) {
    let a = v128.load(at), b = v128.load(at, 16), c = v128.load(at, 32), d = v128.load32_splat(at, 48);
    // The last four bytes hold four digits each: their powers lie side by side, sixteen weights in all.
    let powers = d, p = d;
    for (let n: i32 = 1; n < 4; n++) {
      p = timesThree(p);
      const lanes = n == 1 ? i32x4(0, -1, 0, 0) : n == 2 ? i32x4(0, 0, -1, 0) : i32x4(0, 0, 0, -1);
      powers = v128.bitselect(p, powers, lanes);
    }
    for (let n: usize = 0; n < 5; n++) {
      storeSigned(tile + 64 * n, digits(a));
      storeSigned(tile + 64 * n + 32, digits(b));
      storeSigned(tile + 320 + 32 * n, digits(c));
      a = timesThree(a);
      b = timesThree(b);
      c = timesThree(c);
    }
    storeSigned(tile + 480, digits(powers));
  }
}

// Looks 5- and 6-bit codes up in tables of 32 or 64 bytes: a number outside 0..15 finds zero in each quarter.
// @ts-ignore: decorator
@inline
function lookupLong(table: usize, quarters: i32, codes: v128): v128 {
  let found = i64x2.splat(0);
  for (let q: i32 = 0; q < quarters; q++) {
    found = v128.or(found, i8x16.swizzle(v128.load(table + 16 * <usize>q), codes));
    codes = i8x16.sub(codes, i8x16.splat(16));
  }
  return found;
}

// Looks 32 weights up: `v` the low bits of their codes (8 or 16 bytes), `extra` the high bits, `table` its entries.
// @ts-ignore: decorator
@inline
export function putCodes(values: usize, v: v128, extra: u32, table: usize, codeBits: i32, dimension: i32): void {
  if (dimension == 2) {
    let codes = i8x16.shuffle(low(v), high(v), 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    let x: v128, y: v128;
    if (codeBits == 4) {
      x = i8x16.swizzle(v128.load(table), codes);
      y = i8x16.swizzle(v128.load(table, 16), codes);
    } else {
      codes = v128.or(codes, highPairs(extra));
      x = lookupLong(table, 4, codes);
      y = lookupLong(table + 64, 4, codes);
    }
    storeSigned(values, i8x16.shuffle(x, y, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    storeSigned(values + 32, i8x16.shuffle(x, y, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
  } else if (codeBits == 3) {
    const three = i8x16.splat(3), four = i8x16.splat(4);
    const shifted = i8x16.shr_u(v, 2);
    const ab = i8x16.shuffle(v, shifted, 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23);
    const entries = v128.load64_zero(table);
    const a = v128.or(v128.and(ab, three), v128.and(bitMask(extra), four));
    const b = v128.or(v128.and(i8x16.shr_u(ab, 4), three), v128.and(bitMask(extra >> 16), four));
    storeSigned(values, i8x16.swizzle(entries, a));
    storeSigned(values + 32, i8x16.swizzle(entries, b));
  } else {
    if (codeBits == 4) {
      const entries = v128.load(table);
      storeSigned(values, i8x16.swizzle(entries, low(v)));
      storeSigned(values + 32, i8x16.swizzle(entries, high(v)));
    } else {
      const sixteen = i8x16.splat(16);
      storeSigned(values, lookupLong(table, 2, v128.or(low(v), v128.and(bitMask(extra), sixteen))));
      storeSigned(values + 32, lookupLong(table, 2, v128.or(high(v), v128.and(bitMask(extra >> 16), sixteen))));
    }
  }
}

// Codebook formats; `prepared` is the address of a prepared codebook, whose tables and levels are padded to 256.
function expandCodebook(at: usize, stride: usize, rows: i32, tile: usize, spans: usize, prepared: usize): void {
  const points = <usize>word(prepared, POINTS), dimension = word(prepared, DIMENSION), codeBits = word(prepared, CODE_BITS);
  const tables = prepared + <usize>word(prepared, TABLES), levels = prepared + <usize>word(prepared, LEVELS);
  const tableBytes = points * <usize>dimension;
  const lowBytes: usize = codeBits == 3 || dimension == 2 ? 8 : 16;
  for (let r: i32 = 0; r < rows; r++, at += stride) {
    const level = load<f32>(levels + (<usize>load<u8>(at) << 2));
    const table = tables + <usize>load<u8>(at, 1) * tableBytes;
    for (let span: usize = 0; span < spans; span++) {
      store<f32>(tile + SCALES + (span << 5) + (<usize>r << 2), level);
      const values = tile + <usize>r * ROW_BYTES + 64 * span;
      const from = at + 2 + span * lowBytes;
      const extra = load<u32>(at + 2 + spans * lowBytes + 4 * span);
      const v = lowBytes == 8 ? v128.load64_zero(from) : v128.load(from);
      putCodes(values, v, extra, table, codeBits, dimension);
    }
  }
}

export function expandTile(kernel: i32, at: usize, stride: usize, rows: i32, tile: usize, prepared: usize): void {
  switch (kernel) {
    case 0: case 1: case 2: case 3: case 4: case 5: expandGroups(kernel, at, stride, rows, tile); break;
    case 6: expandMxfp4(at, stride, rows, tile); break;
    case 7: expandNvfp4(at, stride, rows, tile); break;
    case 8: expandBits(false, at, stride, rows, tile); break;
    case 9: expandBits(true, at, stride, rows, tile); break;
    case 10: case 11: case 16: expandPairs(kernel, at, stride, rows, tile); break;
    case 12: expandK45(false, at, stride, rows, tile); break;
    case 13: expandK45(true, at, stride, rows, tile); break;
    case 14: expandQ6K(at, stride, rows, tile); break;
    case 15: expandIq4Xs(at, stride, rows, tile); break;
    case 17: expandTq1(at, stride, rows, tile); break;
    case 18: expandCodebook(at, stride, rows, tile, 1, prepared); break;
    default: expandCodebook(at, stride, rows, tile, 2, prepared);
  }
}
