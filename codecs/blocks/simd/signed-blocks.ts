// Twin of ../signed-blocks.ts: q4_0 and q5_0. Without importance the weights of a block stay in their order, and only
// the scales of four blocks share a vector; with importance each lane searches a block of its own.
//
// `bits`, 4 or 5, is a constant wherever these are called: each type gets code without the other's branches.
import { extremes } from "../../simd/extreme";
import { f16BitsOfScales, splatF16 } from "../../simd/half";
import { inverseOrNaN, storeHalves } from "../../simd/lanes";
import { meanSquareOfRow } from "./row-means";
import { SCALES, searchRowGroup, storeFifthBits, storeNibbles } from "../../simd/signed-search";
import { codesOfSixteen, fifthBits, highNibbles, joinNibbles, lowNibbles, spreadFifthBits, storeProducts } from "../../k-quants/simd/sixteen";

const BLOCK_SIZE: i32 = 32;

// @ts-ignore: decorator
@inline
function blockBytes(bits: i32): usize {
  return bits == 5 ? 22 : 18;
}

/** Where the nibbles begin: behind the scale, and the fifth bits if there are any. */
// @ts-ignore: decorator
@inline
function nibblesAt(bits: i32): usize {
  return bits == 5 ? 6 : 2;
}

// @ts-ignore: decorator
@inline
export function encodeSignedBlocks(
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
    const scale = f32x4.div(extremes(s0, s1, s2, s3), f32x4.splat(bits == 5 ? -16 : -8));
    storeHalves(f16BitsOfScales(scale), d0, d1, d2, d3);
    const inverse = inverseOrNaN(scale);
    encodeCodes(bits, s0, d0, v128.shuffle<f32>(inverse, inverse, 0, 0, 0, 0));
    encodeCodes(bits, s1, d1, v128.shuffle<f32>(inverse, inverse, 1, 1, 1, 1));
    encodeCodes(bits, s2, d2, v128.shuffle<f32>(inverse, inverse, 2, 2, 2, 2));
    encodeCodes(bits, s3, d3, v128.shuffle<f32>(inverse, inverse, 3, 3, 3, 3));
  }
}

// @ts-ignore: decorator
@inline
function encodeCodes(bits: i32, src: usize, dst: usize, inverse: v128): void {
  const offset: f32 = bits == 5 ? 16.5 : 8.5;
  const most = bits == 5 ? 31 : 15;
  const low = codesOfSixteen(src, inverse, offset, most), high = codesOfSixteen(src + 64, inverse, offset, most);
  if (bits == 5) {
    store<i32>(dst + 2, fifthBits(low) | (fifthBits(high) << 16));
    v128.store(dst + nibblesAt(bits), joinNibbles(low, high));
  } else {
    v128.store(dst + nibblesAt(bits), v128.or(low, i16x8.shl(high, 4)));
  }
}

// @ts-ignore: decorator
@inline
function encodeRow(bits: i32, src: usize, dst: usize, rowLength: i32, importance: usize, meanSquare: f32): void {
  const blocks = rowLength / BLOCK_SIZE;
  for (let block = 0; block < blocks; block += 4) {
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    const at = <usize>block << 7, d0 = dst + <usize>block * blockBytes(bits);
    const d1 = d0 + n1 * blockBytes(bits), d2 = d0 + n2 * blockBytes(bits), d3 = d0 + n3 * blockBytes(bits);
    searchRowGroup(src + at, importance + at, n1 << 7, n2 << 7, n3 << 7, meanSquare, bits == 5 ? 16 : 8);
    storeHalves(f16BitsOfScales(v128.load(SCALES)), d0, d1, d2, d3);
    if (bits == 5) storeFifthBits(d0 + 2, d1 + 2, d2 + 2, d3 + 2);
    storeNibbles(d0 + nibblesAt(bits), d1 + nibblesAt(bits), d2 + nibblesAt(bits), d3 + nibblesAt(bits));
  }
}

// @ts-ignore: decorator
@inline
export function decodeSignedBlocks(bits: i32, src: usize, dst: usize, blocks: i32): void {
  const half = i8x16.splat(bits == 5 ? 16 : 8);
  for (; blocks > 0; blocks--, src += blockBytes(bits), dst += 128) {
    const d = splatF16(src), pairs = v128.load(src + nibblesAt(bits));
    let low = lowNibbles(pairs), high = highNibbles(pairs);
    if (bits == 5) {
      const fifth = load<i32>(src, 2);
      low = v128.or(low, spreadFifthBits(fifth));
      high = v128.or(high, spreadFifthBits(fifth >>> 16));
    }
    storeProducts(i8x16.sub(low, half), d, dst);
    storeProducts(i8x16.sub(high, half), d, dst + 64);
  }
}
