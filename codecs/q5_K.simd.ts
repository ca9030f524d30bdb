// Twin of q5_K.ts: the eight groups of a super-block are searched in eight lanes, two super-blocks in turns.
import { CODES, unpackScalesAndMins } from "./simd/k-blocks";
import { decodeSixteenAffine, f32OfF16 } from "./simd/k-decode";
import {
  finishPlainGroups, finishWeightedGroups, loadPlainGroups, loadWeightedGroups, searchWeightedScales,
} from "./simd/k-groups-of-32";
import { searchBothSlots, SLOT } from "./simd/k-scale-min";

const BLOCK_BYTES: usize = 176;
/** Eight scales, then eight minima. */
const SCALES: usize = memory.data(64, 16);

export function encode_q5_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  for (let block = 0; block < blocks; block += 2, src += 2048, dst += 2 * BLOCK_BYTES) {
    // The last of an odd number is its own neighbour.
    const next = block + 1 < blocks ? 1 : 0;
    const src1 = src + (<usize>next << 10), dst1 = dst + <usize>next * BLOCK_BYTES;
    if (importance == 0) {
      loadPlainGroups(src, 0);
      loadPlainGroups(src1, SLOT);
      searchBothSlots(32, 31, -0.5, 0.1, 15, false);
      finishPlainGroups(src, dst, 0, 31);
      storeCodes(dst);
      finishPlainGroups(src1, dst1, SLOT, 31);
      storeCodes(dst1);
      continue;
    }
    loadWeightedGroups(src, importance + (<usize>(block % blocksPerRow) << 10), 0);
    loadWeightedGroups(src1, importance + (<usize>((block + next) % blocksPerRow) << 10), SLOT);
    searchBothSlots(32, 31, -0.9, 0.05, 36, false);
    const d = searchWeightedScales();
    finishWeightedGroups(src, dst, 0, f32x4.extract_lane(d, 0), f32x4.extract_lane(d, 1), 31, 63);
    storeCodes(dst);
    finishWeightedGroups(src1, dst1, SLOT, f32x4.extract_lane(d, 2), f32x4.extract_lane(d, 3), 31, 63);
    storeCodes(dst1);
  }
}

// @ts-ignore: decorator
@inline
function storeCodes(dst: usize): void {
  for (let half: usize = 0; half < 32; half += 16) {
    let bits = i8x16.splat(0);
    for (let pair: usize = 0; pair < 4; pair++) {
      const from = CODES + (pair << 6) + half;
      const a = v128.load(from), b = v128.load(from, 32);
      v128.store(dst + (pair << 5) + half, v128.or(v128.and(a, i8x16.splat(15)), i8x16.shl(b, 4)), 48);
      const high = v128.or(i8x16.shr_u(a, 4), i8x16.shl(i8x16.shr_u(b, 4), 1));
      bits = v128.or(bits, i8x16.shl(high, <i32>(pair << 1)));
    }
    v128.store(dst + half, bits, 16);
  }
}

export function decode_q5_K(src: usize, dst: usize, blocks: i32): void {
  const nibble = i8x16.splat(15), bit = i8x16.splat(16);
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    unpackScalesAndMins(src + 4, f32OfF16(src), f32OfF16(src + 2), SCALES);
    let high0 = v128.load(src, 16), high1 = v128.load(src, 32);
    for (let pair: usize = 0; pair < 4; pair++) {
      const low0 = v128.load(src + (pair << 5), 48), low1 = v128.load(src + (pair << 5), 64);
      const scales = SCALES + (pair << 3), out = dst + (pair << 8);
      const s0 = v128.load32_splat(scales), m0 = v128.load32_splat(scales, 32);
      const s1 = v128.load32_splat(scales, 4), m1 = v128.load32_splat(scales, 36);
      // The pair's bits are the lowest two of each byte; shifts of 16-bit lanes, masked: there are none of bytes on x86.
      decodeSixteenAffine(v128.or(v128.and(low0, nibble), v128.and(i16x8.shl(high0, 4), bit)), s0, m0, out);
      decodeSixteenAffine(v128.or(v128.and(low1, nibble), v128.and(i16x8.shl(high1, 4), bit)), s0, m0, out + 64);
      const next0 = v128.and(i16x8.shr_u(low0, 4), nibble), next1 = v128.and(i16x8.shr_u(low1, 4), nibble);
      decodeSixteenAffine(v128.or(next0, v128.and(i16x8.shl(high0, 3), bit)), s1, m1, out + 128);
      decodeSixteenAffine(v128.or(next1, v128.and(i16x8.shl(high1, 3), bit)), s1, m1, out + 192);
      high0 = i16x8.shr_u(high0, 2);
      high1 = i16x8.shr_u(high1, 2);
    }
  }
}
