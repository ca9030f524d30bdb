// Twin of q4_K.ts: the eight groups of a super-block are searched in eight lanes, two super-blocks in turns.
import { CODES, unpackScalesAndMins } from "./simd/k-blocks";
import {
  finishPlainGroups, finishWeightedGroups, loadPlainGroups, loadWeightedGroups, searchWeightedScales,
} from "./simd/k-groups-of-32";
import { searchBothSlots, SLOT } from "./simd/k-scale-min";
import { decodeSixteenAffine, f32OfF16 } from "./simd/k-decode";

const BLOCK_BYTES: usize = 144;
/** Eight scales, then eight minima. */
const SCALES: usize = memory.data(64, 16);

export function encode_q4_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  for (let block = 0; block < blocks; block += 2, src += 2048, dst += 2 * BLOCK_BYTES) {
    // The last of an odd number is its own neighbour.
    const next = block + 1 < blocks ? 1 : 0;
    const src1 = src + (<usize>next << 10), dst1 = dst + <usize>next * BLOCK_BYTES;
    if (importance == 0) {
      loadPlainGroups(src, 0);
      loadPlainGroups(src1, SLOT);
      searchBothSlots(32, 15, -1, 0.1, 20, false);
      finishPlainGroups(src, dst, 0, 15);
      storeCodes(dst);
      finishPlainGroups(src1, dst1, SLOT, 15);
      storeCodes(dst1);
      continue;
    }
    loadWeightedGroups(src, importance + (<usize>(block % blocksPerRow) << 10), 0);
    loadWeightedGroups(src1, importance + (<usize>((block + next) % blocksPerRow) << 10), SLOT);
    searchBothSlots(32, 15, -0.9, 0.05, 36, false);
    const d = searchWeightedScales();
    // A limit of 255: a negative scale's code, wrapped around 256, is kept.
    finishWeightedGroups(src, dst, 0, f32x4.extract_lane(d, 0), f32x4.extract_lane(d, 1), 15, 255);
    storeCodes(dst);
    finishWeightedGroups(src1, dst1, SLOT, f32x4.extract_lane(d, 2), f32x4.extract_lane(d, 3), 15, 255);
    storeCodes(dst1);
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
  const nibble = i8x16.splat(15);
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    unpackScalesAndMins(src + 4, f32OfF16(src), f32OfF16(src + 2), SCALES);
    for (let pair: usize = 0; pair < 4; pair++) {
      const low = v128.load(src + (pair << 5), 16), high = v128.load(src + (pair << 5), 32);
      const scales = SCALES + (pair << 3), out = dst + (pair << 8);
      const s0 = v128.load32_splat(scales), m0 = v128.load32_splat(scales, 32);
      const s1 = v128.load32_splat(scales, 4), m1 = v128.load32_splat(scales, 36);
      decodeSixteenAffine(v128.and(low, nibble), s0, m0, out);
      decodeSixteenAffine(v128.and(high, nibble), s0, m0, out + 64);
      // Shifts of 16-bit lanes, masked: there are none of bytes on x86.
      decodeSixteenAffine(v128.and(i16x8.shr_u(low, 4), nibble), s1, m1, out + 128);
      decodeSixteenAffine(v128.and(i16x8.shr_u(high, 4), nibble), s1, m1, out + 192);
    }
  }
}
