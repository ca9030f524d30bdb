// Twin of q5_0.ts. Without importance the weights of a block stay in their order, and only the scales of four blocks
// share a vector; with importance each lane searches a block of its own.
import { extremes } from "./simd/extreme";
import { f16BitsOfScales, splatF16 } from "./simd/half";
import { inverseOrNaN, storeHalves } from "./simd/lanes";
import { meanSquareOfRow } from "./simd/row-means";
import { SCALES, searchRowGroup, storeFifthBits, storeNibbles } from "./simd/signed-search";
import { codesOfSixteen, fifthBits, highNibbles, joinNibbles, lowNibbles, spreadFifthBits, storeProducts } from "./simd/sixteen";

const BLOCK_SIZE: i32 = 32;
const BLOCK_BYTES: usize = 22;

export function encode_q5_0(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
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
    const scale = f32x4.div(extremes(s0, s1, s2, s3), f32x4.splat(-16));
    storeHalves(f16BitsOfScales(scale), d0, d1, d2, d3);
    const inverse = inverseOrNaN(scale);
    encodeCodes(s0, d0, v128.shuffle<f32>(inverse, inverse, 0, 0, 0, 0));
    encodeCodes(s1, d1, v128.shuffle<f32>(inverse, inverse, 1, 1, 1, 1));
    encodeCodes(s2, d2, v128.shuffle<f32>(inverse, inverse, 2, 2, 2, 2));
    encodeCodes(s3, d3, v128.shuffle<f32>(inverse, inverse, 3, 3, 3, 3));
  }
}

// @ts-ignore: decorator
@inline
function encodeCodes(src: usize, dst: usize, inverse: v128): void {
  const low = codesOfSixteen(src, inverse, 16.5, 31), high = codesOfSixteen(src + 64, inverse, 16.5, 31);
  store<i32>(dst + 2, fifthBits(low) | (fifthBits(high) << 16));
  v128.store(dst, joinNibbles(low, high), 6);
}

function encodeRow(src: usize, dst: usize, rowLength: i32, importance: usize, meanSquare: f32): void {
  const blocks = rowLength / BLOCK_SIZE;
  for (let block = 0; block < blocks; block += 4) {
    const n1: usize = block + 1 < blocks ? 1 : 0;
    const n2: usize = block + 2 < blocks ? n1 + 1 : n1;
    const n3: usize = block + 3 < blocks ? n2 + 1 : n2;
    const at = <usize>block << 7, d0 = dst + <usize>block * BLOCK_BYTES;
    const d1 = d0 + n1 * BLOCK_BYTES, d2 = d0 + n2 * BLOCK_BYTES, d3 = d0 + n3 * BLOCK_BYTES;
    searchRowGroup(src + at, importance + at, n1 << 7, n2 << 7, n3 << 7, meanSquare, 16);
    storeHalves(f16BitsOfScales(v128.load(SCALES)), d0, d1, d2, d3);
    storeFifthBits(d0 + 2, d1 + 2, d2 + 2, d3 + 2);
    storeNibbles(d0 + 6, d1 + 6, d2 + 6, d3 + 6);
  }
}

export function decode_q5_0(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 128) {
    const d = splatF16(src), pairs = v128.load(src, 6), bits = load<i32>(src, 2);
    const low = v128.or(lowNibbles(pairs), spreadFifthBits(bits));
    const high = v128.or(highNibbles(pairs), spreadFifthBits(bits >>> 16));
    storeProducts(i8x16.sub(low, i8x16.splat(16)), d, dst);
    storeProducts(i8x16.sub(high, i8x16.splat(16)), d, dst + 64);
  }
}
