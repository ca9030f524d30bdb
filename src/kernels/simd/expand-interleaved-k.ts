// Tiles straight from interleaved super-blocks of eight rows: q4_K and q5_K in 8x4 and 8x8, q6_K in 8x8.
import { f32OfF16Bits } from "../../../codecs/simd/half";
import { high, low } from "./expand";
import { storeMinima, unpackRecords } from "./k-scales";
import { MINIMA, RECORDS, ROW_BYTES, SCALES, storeScaled } from "./tile";

// Eight bytes of two rows, times a scale of each.
// @ts-ignore: decorator
@inline
function storePair(at: usize, bytes: v128, a: v128, b: v128): void {
  v128.store(at, i16x8.mul(i16x8.extend_low_i8x16_s(bytes), a));
  v128.store(at, i16x8.mul(i16x8.extend_high_i8x16_s(bytes), b), ROW_BYTES);
}

// Scale g of a row's unpacked record, in every lane.
// @ts-ignore: decorator
@inline
function scaleOf(record: usize, g: usize): v128 { return i16x8.splat(<i16>load<u8>(record + g)); }

// Bit g of each byte, at bit 4.
// @ts-ignore: decorator
@inline
function bitOf(bytes: v128, g: i32): v128 {
  return i8x16.shl(v128.and(i8x16.shr_u(bytes, g), i8x16.splat(1)), 4);
}

// qs (and qh) dealt by eight: a vector is eight bytes of two rows.
// @ts-ignore: decorator
@inline
function codesByEight(hasHighBits: bool, qh: usize, qs: usize, tile: usize, records: usize): void {
  for (let pair: usize = 0; pair < 2; pair++, qs += 16, qh += 16, tile += 2 * ROW_BYTES, records += 32) {
    for (let p: usize = 0; p < 4; p++) {
      const g: usize = 2 * p, a0 = scaleOf(records, g), a1 = scaleOf(records, g + 1);
      const b0 = scaleOf(records + 16, g), b1 = scaleOf(records + 16, g + 1);
      for (let c: usize = 0; c < 4; c++) {
        const v = v128.load(qs + 64 * (4 * p + c));
        let first = low(v), second = high(v);
        if (hasHighBits) {
          const h = v128.load(qh + 64 * c);
          first = v128.or(first, bitOf(h, <i32>g));
          second = v128.or(second, bitOf(h, <i32>g + 1));
        }
        const at = tile + 128 * p + 16 * c;
        storePair(at, first, a0, b0);
        storePair(at + 64, second, a1, b1);
      }
    }
  }
}

// Sixteen bytes of a row's codes, with sixteen of its high bits.
// @ts-ignore: decorator
@inline
function putRow(hasHighBits: bool, at: usize, v: v128, h: v128, record: usize, g: usize): void {
  let first = low(v), second = high(v);
  if (hasHighBits) {
    first = v128.or(first, bitOf(h, <i32>g));
    second = v128.or(second, bitOf(h, <i32>g + 1));
  }
  storeScaled(at, first, <i32>load<u8>(record + g));
  storeScaled(at + 64, second, <i32>load<u8>(record + g + 1));
}

// qs (and qh) dealt by four: a vector is four bytes of four rows, four vectors are sixteen bytes of each.
// @ts-ignore: decorator
@inline
function codesByFour(hasHighBits: bool, qh: usize, qs: usize, tile: usize, records: usize): void {
  for (let half: usize = 0; half < 2; half++, tile += 32) {
    let h0 = i64x2.splat(0), h1 = h0, h2 = h0, h3 = h0;
    if (hasHighBits) {
      const from = qh + 128 * half;
      const a = v128.load(from), b = v128.load(from, 32), c = v128.load(from, 64), d = v128.load(from, 96);
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7), cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      h0 = v128.shuffle<i64>(ab0, cd0, 0, 2);
      h1 = v128.shuffle<i64>(ab0, cd0, 1, 3);
      h2 = v128.shuffle<i64>(ab1, cd1, 0, 2);
      h3 = v128.shuffle<i64>(ab1, cd1, 1, 3);
    }
    for (let p: usize = 0; p < 4; p++) {
      const from = qs + 256 * p + 128 * half, at = tile + 128 * p, g: usize = 2 * p;
      const a = v128.load(from), b = v128.load(from, 32), c = v128.load(from, 64), d = v128.load(from, 96);
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7), cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      putRow(hasHighBits, at, v128.shuffle<i64>(ab0, cd0, 0, 2), h0, records, g);
      putRow(hasHighBits, at + ROW_BYTES, v128.shuffle<i64>(ab0, cd0, 1, 3), h1, records + 16, g);
      putRow(hasHighBits, at + 2 * ROW_BYTES, v128.shuffle<i64>(ab1, cd1, 0, 2), h2, records + 32, g);
      putRow(hasHighBits, at + 3 * ROW_BYTES, v128.shuffle<i64>(ab1, cd1, 1, 3), h3, records + 48, g);
    }
  }
}

// q4_K and q5_K: d @0, dmin @16, records @32, (qh @128,) qs. The records are unpacked once for both tiles of a block.
// @ts-ignore: decorator
@inline
function expandK45(hasHighBits: bool, block: usize, isEight: bool, first: usize, tile: usize): void {
  v128.store(tile + SCALES, f32OfF16Bits(v128.load16x4_u(block + 2 * first)));
  v128.store(tile + SCALES, f32OfF16Bits(v128.load16x4_u(block + 16 + 2 * first)), 16);
  if (first == 0) unpackRecords(block + 32, tile + RECORDS);
  const records = tile + RECORDS + 16 * first;
  for (let r: usize = 0; r < 4; r++) storeMinima(tile + MINIMA + 32 * r, v128.load(records + 16 * r));
  const qh = block + 128, qs = hasHighBits ? qh + 256 : qh;
  if (isEight) codesByEight(hasHighBits, qh + 8 * first, qs + 8 * first, tile, records);
  else codesByFour(hasHighBits, qh + 4 * first, qs + 4 * first, tile, records);
}

// q6_K in 8x8: d @0, scales @16 (one byte a row), ql @144, qh @1168.
function expandQ6K(block: usize, first: usize, tile: usize): void {
  v128.store(tile + SCALES, f32OfF16Bits(v128.load16x4_u(block + 2 * first)));
  const offset = i8x16.splat(32), three = i8x16.splat(3);
  for (let pair: usize = 0; pair < 2; pair++, tile += 2 * ROW_BYTES) {
    const row = first + 2 * pair, scales = block + 16 + row, ql = block + 144 + 8 * row, qh = block + 1168 + 8 * row;
    for (let h: usize = 0; h < 2; h++)
      for (let c: usize = 0; c < 4; c++) {
        const q = v128.load(qh + 64 * (4 * h + c)), l = v128.load(ql + 64 * (8 * h + c)), m = v128.load(ql + 64 * (8 * h + c + 4));
        const at = tile + 256 * h + 16 * c, scale = scales + 8 * (8 * h + (c >> 1));
        const v0 = v128.or(low(l), i8x16.shl(v128.and(q, three), 4));
        storePair(at, i8x16.sub(v0, offset), i16x8.splat(<i16>load<i8>(scale)), i16x8.splat(<i16>load<i8>(scale, 1)));
        const v1 = v128.or(low(m), i8x16.shl(v128.and(i8x16.shr_u(q, 2), three), 4));
        storePair(at + 64, i8x16.sub(v1, offset), i16x8.splat(<i16>load<i8>(scale, 16)), i16x8.splat(<i16>load<i8>(scale, 17)));
        const v2 = v128.or(high(l), i8x16.shl(v128.and(i8x16.shr_u(q, 4), three), 4));
        storePair(at + 128, i8x16.sub(v2, offset), i16x8.splat(<i16>load<i8>(scale, 32)), i16x8.splat(<i16>load<i8>(scale, 33)));
        const v3 = v128.or(high(m), i8x16.shl(i8x16.shr_u(q, 6), 4));
        storePair(at + 192, i8x16.sub(v3, offset), i16x8.splat(<i16>load<i8>(scale, 48)), i16x8.splat(<i16>load<i8>(scale, 49)));
      }
  }
}

// True when expandInterleavedK takes this kernel with eight rows and this chunk.
export function isDirectK(kernel: i32, rows: i32, chunk: i32): bool {
  if (rows != 8) return false;
  return chunk == 8 ? kernel >= 12 && kernel <= 14 : chunk == 4 && (kernel == 12 || kernel == 13);
}

// Fills the tile with rows first .. first + 3 (first 0, then 4) of an interleaved super-block.
export function expandInterleavedK(kernel: i32, block: usize, chunk: usize, first: usize, tile: usize): void {
  if (kernel == 14) expandQ6K(block, first, tile);
  else if (kernel == 12) {
    if (chunk == 8) expandK45(false, block, true, first, tile);
    else expandK45(false, block, false, first, tile);
  } else if (chunk == 8) expandK45(true, block, true, first, tile);
  else expandK45(true, block, false, first, tile);
}
