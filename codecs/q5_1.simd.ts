// Twin of q5_1.ts.
import { storeExtents } from "./simd/extent";
import { f16BitsOfScales, splatF16 } from "./simd/half";
import { inverseOrNaN, storeHalves } from "./simd/lanes";
import { meanSquareOfRow } from "./simd/row-means";
import { codesFound, scaleAndMin, searchEight } from "./simd/row-scale-min";
import { codesAboveMin, fifthBits, highNibbles, joinNibbles, lowNibbles, spreadFifthBits, storeProductsPlus } from "./simd/sixteen";

const BLOCK_SIZE: i32 = 32;
const BLOCK_BYTES: usize = 24;
/** Minima and maxima of four blocks. */
const EXTENTS: usize = memory.data(32, 16);

export function encode_q5_1(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  if (importance != 0) {
    const rowBytes = <usize>(rowLength / BLOCK_SIZE) * BLOCK_BYTES;
    for (let row = 0; row < rows; row++, src += <usize>rowLength << 2, dst += rowBytes) {
      encodeRow(src, dst, rowLength, importance, meanSquareOfRow(src, row, rows, rowLength));
    }
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
    storeExtents(s0, s1, s2, s3, EXTENTS);
    const min = v128.load(EXTENTS);
    const scale = f32x4.div(f32x4.sub(v128.load(EXTENTS, 16), min), f32x4.splat(31));
    storeHalves(f16BitsOfScales(scale), d0, d1, d2, d3);
    storeHalves(f16BitsOfScales(min), d0 + 2, d1 + 2, d2 + 2, d3 + 2);
    const inverse = inverseOrNaN(scale);
    encodeCodes(s0, d0, v128.shuffle<f32>(min, min, 0, 0, 0, 0), v128.shuffle<f32>(inverse, inverse, 0, 0, 0, 0));
    encodeCodes(s1, d1, v128.shuffle<f32>(min, min, 1, 1, 1, 1), v128.shuffle<f32>(inverse, inverse, 1, 1, 1, 1));
    encodeCodes(s2, d2, v128.shuffle<f32>(min, min, 2, 2, 2, 2), v128.shuffle<f32>(inverse, inverse, 2, 2, 2, 2));
    encodeCodes(s3, d3, v128.shuffle<f32>(min, min, 3, 3, 3, 3), v128.shuffle<f32>(inverse, inverse, 3, 3, 3, 3));
  }
}

// @ts-ignore: decorator
@inline
function encodeCodes(src: usize, dst: usize, min: v128, inverse: v128): void {
  storeCodes(codesAboveMin(src, min, inverse, 31), codesAboveMin(src + 64, min, inverse, 31), dst);
}

// @ts-ignore: decorator
@inline
function storeCodes(low: v128, high: v128, dst: usize): void {
  store<i32>(dst, fifthBits(low) | (fifthBits(high) << 16), 4);
  v128.store(dst, joinNibbles(low, high), 8);
}

function encodeRow(src: usize, dst: usize, rowLength: i32, importance: usize, meanSquare: f32): void {
  for (let blocks = rowLength / BLOCK_SIZE; blocks > 0; blocks -= 8, importance += 1024) {
    const count = min<i32>(blocks, 8);
    searchEight(src, importance, count, meanSquare, 31);
    for (let block = 0; block < count; block++, src += 128, dst += BLOCK_BYTES) {
      store<u32>(dst, scaleAndMin(block));
      const low = codesFound(src, block, 0, 31);
      storeCodes(low, codesFound(src, block, 1, 31), dst);
    }
  }
}

export function decode_q5_1(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 128) {
    const d = splatF16(src), m = splatF16(src + 2), bits = load<i32>(src, 4), pairs = v128.load(src, 8);
    storeProductsPlus(v128.or(lowNibbles(pairs), spreadFifthBits(bits)), d, m, dst);
    storeProductsPlus(v128.or(highNibbles(pairs), spreadFifthBits(bits >>> 16)), d, m, dst + 64);
  }
}
