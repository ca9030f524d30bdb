// Twin of ../min-blocks.ts: q4_1 and q5_1.
//
// `bits`, 4 or 5, is a constant wherever these are called: each type gets code without the other's branches.
import { storeExtents } from "../../simd/extent";
import { f16BitsOfScales, splatF16 } from "../../simd/half";
import { inverseOrNaN, storeHalves } from "../../simd/lanes";
import { meanSquareOfRow } from "./row-means";
import { codesFound, scaleAndMin, searchEight } from "./row-scale-min";
import { codesAboveMin, fifthBits, highNibbles, joinNibbles, lowNibbles, spreadFifthBits, storeProductsPlus } from "../../k-quants/simd/sixteen";

const BLOCK_SIZE: i32 = 32;
/** Minima and maxima of four blocks. */
const EXTENTS: usize = memory.data(32, 16);

// @ts-ignore: decorator
@inline
function blockBytes(bits: i32): usize {
  return bits == 5 ? 24 : 20;
}

/** Where the nibbles begin: behind scale and minimum, and the fifth bits if there are any. */
// @ts-ignore: decorator
@inline
function nibblesAt(bits: i32): usize {
  return bits == 5 ? 8 : 4;
}

// @ts-ignore: decorator
@inline
function maxCode(bits: i32): i32 {
  return bits == 5 ? 31 : 15;
}

// @ts-ignore: decorator
@inline
export function encodeMinBlocks(
  bits: i32, src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize,
): void {
  if (importance != 0) {
    const rowBytes = <usize>(rowLength / BLOCK_SIZE) * blockBytes(bits);
    for (let row = 0; row < rows; row++, src += <usize>rowLength << 2, dst += rowBytes) {
      encodeRow(bits, src, dst, rowLength, importance, meanSquareOfRow(src, row, rows, rowLength));
    }
    return;
  }
  const blocks = (rows * rowLength) / BLOCK_SIZE;
  for (let block = 0; block < blocks; block += 4) {
    // The last group repeats the last block: it is encoded again to the same bytes.
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    const s0 = src + (<usize>block << 7), d0 = dst + <usize>block * blockBytes(bits);
    const s1 = s0 + (n1 << 7), s2 = s0 + (n2 << 7), s3 = s0 + (n3 << 7);
    const d1 = d0 + n1 * blockBytes(bits), d2 = d0 + n2 * blockBytes(bits), d3 = d0 + n3 * blockBytes(bits);
    storeExtents(s0, s1, s2, s3, EXTENTS);
    const min = v128.load(EXTENTS);
    const scale = f32x4.div(f32x4.sub(v128.load(EXTENTS, 16), min), f32x4.splat(bits == 5 ? 31 : 15));
    storeHalves(f16BitsOfScales(scale), d0, d1, d2, d3);
    storeHalves(f16BitsOfScales(min), d0 + 2, d1 + 2, d2 + 2, d3 + 2);
    const inverse = inverseOrNaN(scale);
    encodeCodes(bits, s0, d0, v128.shuffle<f32>(min, min, 0, 0, 0, 0), v128.shuffle<f32>(inverse, inverse, 0, 0, 0, 0));
    encodeCodes(bits, s1, d1, v128.shuffle<f32>(min, min, 1, 1, 1, 1), v128.shuffle<f32>(inverse, inverse, 1, 1, 1, 1));
    encodeCodes(bits, s2, d2, v128.shuffle<f32>(min, min, 2, 2, 2, 2), v128.shuffle<f32>(inverse, inverse, 2, 2, 2, 2));
    encodeCodes(bits, s3, d3, v128.shuffle<f32>(min, min, 3, 3, 3, 3), v128.shuffle<f32>(inverse, inverse, 3, 3, 3, 3));
  }
}

// @ts-ignore: decorator
@inline
function encodeCodes(bits: i32, src: usize, dst: usize, min: v128, inverse: v128): void {
  const low = codesAboveMin(src, min, inverse, maxCode(bits));
  storeCodes(bits, low, codesAboveMin(src + 64, min, inverse, maxCode(bits)), dst);
}

// @ts-ignore: decorator
@inline
function storeCodes(bits: i32, low: v128, high: v128, dst: usize): void {
  if (bits == 5) store<i32>(dst, fifthBits(low) | (fifthBits(high) << 16), 4);
  v128.store(dst + nibblesAt(bits), joinNibbles(low, high));
}

// @ts-ignore: decorator
@inline
function encodeRow(bits: i32, src: usize, dst: usize, rowLength: i32, importance: usize, meanSquare: f32): void {
  for (let blocks = rowLength / BLOCK_SIZE; blocks > 0; blocks -= 8, importance += 1024) {
    const count = min<i32>(blocks, 8);
    searchEight(src, importance, count, meanSquare, maxCode(bits));
    for (let block = 0; block < count; block++, src += 128, dst += blockBytes(bits)) {
      store<u32>(dst, scaleAndMin(block));
      const low = codesFound(src, block, 0, maxCode(bits));
      storeCodes(bits, low, codesFound(src, block, 1, maxCode(bits)), dst);
    }
  }
}

// @ts-ignore: decorator
@inline
export function decodeMinBlocks(bits: i32, src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += blockBytes(bits), dst += 128) {
    const d = splatF16(src), m = splatF16(src + 2), pairs = v128.load(src + nibblesAt(bits));
    let low = lowNibbles(pairs), high = highNibbles(pairs);
    if (bits == 5) {
      const fifth = load<i32>(src, 4);
      low = v128.or(low, spreadFifthBits(fifth));
      high = v128.or(high, spreadFifthBits(fifth >>> 16));
    }
    storeProductsPlus(low, d, m, dst);
    storeProductsPlus(high, d, m, dst + 64);
  }
}
