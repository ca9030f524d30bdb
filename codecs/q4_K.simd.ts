// Twin of q4_K.ts: the eight groups of a super-block are searched in eight lanes.
import { CODES, packedMin, packedScale } from "./simd/k-blocks";
import { encodeGroups, finishWeightedGroups, searchWeightedGroups, searchWeightedScales } from "./simd/k-groups-of-32";
import { decodeSixteenAffine, f32OfF16 } from "./simd/k-decode";

const BLOCK_BYTES: usize = 144;

export function encode_q4_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  if (importance == 0) {
    for (let block = 0; block < blocks; block++, src += 1024, dst += BLOCK_BYTES) {
      encodeGroups(src, dst, 15, -1, 0.1, 20);
      storeCodes(dst);
    }
    return;
  }
  for (let block = 0; block < blocks; block += 2) {
    // The last of an odd number is its own neighbour.
    const next = block + 1 < blocks ? 1 : 0;
    const src1 = src + (<usize>next << 10), dst1 = dst + <usize>next * BLOCK_BYTES;
    searchWeightedGroups(src, importance + (<usize>(block % blocksPerRow) << 10), 0, 15);
    searchWeightedGroups(src1, importance + (<usize>((block + next) % blocksPerRow) << 10), 1, 15);
    const d = searchWeightedScales();
    // A limit of 255: a negative scale's code, wrapped around 256, is kept.
    finishWeightedGroups(src, dst, 0, f32x4.extract_lane(d, 0), f32x4.extract_lane(d, 1), 15, 255);
    storeCodes(dst);
    finishWeightedGroups(src1, dst1, 1, f32x4.extract_lane(d, 2), f32x4.extract_lane(d, 3), 15, 255);
    storeCodes(dst1);
    src += 2048;
    dst += 2 * BLOCK_BYTES;
  }
}

// @ts-ignore: decorator
@inline
function storeCodes(dst: usize): void {
  for (let pair: usize = 0; pair < 4; pair++) {
    const from = CODES + (pair << 6), at = dst + (pair << 5);
    v128.store(at, v128.or(v128.load(from), i8x16.shl(v128.load(from, 32), 4)), 16);
    v128.store(at, v128.or(v128.load(from, 16), i8x16.shl(v128.load(from, 48), 4)), 32);
  }
}

export function decode_q4_K(src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    const d = f32OfF16(src), dmin = f32OfF16(src + 2);
    for (let pair: usize = 0; pair < 4; pair++) {
      const low = v128.load(src + (pair << 5), 16), high = v128.load(src + (pair << 5), 32);
      const out = dst + (pair << 8), nibble = i8x16.splat(15);
      const s0 = f32x4.splat(d * <f32>packedScale(src + 4, 2 * pair)), m0 = f32x4.splat(dmin * <f32>packedMin(src + 4, 2 * pair));
      const s1 = f32x4.splat(d * <f32>packedScale(src + 4, 2 * pair + 1)), m1 = f32x4.splat(dmin * <f32>packedMin(src + 4, 2 * pair + 1));
      decodeSixteenAffine(v128.and(low, nibble), s0, m0, out);
      decodeSixteenAffine(v128.and(high, nibble), s0, m0, out + 64);
      decodeSixteenAffine(i8x16.shr_u(low, 4), s1, m1, out + 128);
      decodeSixteenAffine(i8x16.shr_u(high, 4), s1, m1, out + 192);
    }
  }
}
