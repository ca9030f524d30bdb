// Twin of ../k-affine.ts: q4_K and q5_K. The eight groups of a super-block are searched in eight lanes, two super-blocks
// in turns.
//
// `bits`, 4 or 5, is a constant wherever these are called: each type gets code without the other's branches.
import { CODES, unpackScalesAndMins } from "./k-blocks";
import { decodeSixteenAffine, f32OfF16 } from "./k-decode";
import {
  finishPlainGroups, finishWeightedGroups, loadPlainGroups, loadWeightedGroups, searchWeightedScales,
} from "./k-groups-of-32";
import { searchBothSlots, SLOT } from "./k-scale-min";

/** Eight scales, then eight minima. */
const SCALES: usize = memory.data(64, 16);

// @ts-ignore: decorator
@inline
function blockBytes(bits: i32): usize {
  return bits == 5 ? 176 : 144;
}

/** Where the nibbles begin: behind the scales, and the fifth bits if there are any. */
// @ts-ignore: decorator
@inline
function nibblesAt(bits: i32): usize {
  return bits == 5 ? 48 : 16;
}

// @ts-ignore: decorator
@inline
export function encodeAffineSuperBlocks(
  bits: i32, src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize,
): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  const maxCode = bits == 5 ? 31 : 15;
  // Of q4_K, a negative scale's code that wrapped around 256 is kept.
  const limit = bits == 5 ? 63 : 255;
  for (let block = 0; block < blocks; block += 2, src += 2048, dst += 2 * blockBytes(bits)) {
    // The last of an odd number is its own neighbour.
    const next = block + 1 < blocks ? 1 : 0;
    const src1 = src + (<usize>next << 10), dst1 = dst + <usize>next * blockBytes(bits);
    if (importance == 0) {
      loadPlainGroups(src, 0);
      loadPlainGroups(src1, SLOT);
      if (bits == 5) searchBothSlots(32, 31, -0.5, 0.1, 15, false);
      else searchBothSlots(32, 15, -1, 0.1, 20, false);
      finishPlainGroups(src, dst, 0, maxCode);
      storeCodes(bits, dst);
      finishPlainGroups(src1, dst1, SLOT, maxCode);
      storeCodes(bits, dst1);
      continue;
    }
    loadWeightedGroups(src, importance + (<usize>(block % blocksPerRow) << 10), 0);
    loadWeightedGroups(src1, importance + (<usize>((block + next) % blocksPerRow) << 10), SLOT);
    searchBothSlots(32, maxCode, -0.9, 0.05, 36, false);
    const d = searchWeightedScales();
    finishWeightedGroups(src, dst, 0, f32x4.extract_lane(d, 0), f32x4.extract_lane(d, 1), maxCode, limit);
    storeCodes(bits, dst);
    finishWeightedGroups(src1, dst1, SLOT, f32x4.extract_lane(d, 2), f32x4.extract_lane(d, 3), maxCode, limit);
    storeCodes(bits, dst1);
  }
}

// @ts-ignore: decorator
@inline
function storeCodes(bits: i32, dst: usize): void {
  for (let half: usize = 0; half < 32; half += 16) {
    let fifth = i8x16.splat(0);
    for (let pair: usize = 0; pair < 4; pair++) {
      const from = CODES + (pair << 6) + half;
      const a = v128.load(from), b = v128.load(from, 32);
      v128.store(dst + nibblesAt(bits) + (pair << 5) + half, v128.or(v128.and(a, i8x16.splat(15)), i8x16.shl(b, 4)));
      if (bits == 5) {
        const high = v128.or(i8x16.shr_u(a, 4), i8x16.shl(i8x16.shr_u(b, 4), 1));
        fifth = v128.or(fifth, i8x16.shl(high, <i32>(pair << 1)));
      }
    }
    if (bits == 5) v128.store(dst + half, fifth, 16);
  }
}

/** Nibbles, and a bit of `fifth` (moved to bit 4 of each byte) above them where codes have five. */
// @ts-ignore: decorator
@inline
function codes(bits: i32, nibbles: v128, fifth: v128): v128 {
  const low = v128.and(nibbles, i8x16.splat(15));
  return bits == 5 ? v128.or(low, v128.and(fifth, i8x16.splat(16))) : low;
}

// @ts-ignore: decorator
@inline
export function decodeAffineSuperBlocks(bits: i32, src: usize, dst: usize, blocks: i32): void {
  for (; blocks > 0; blocks--, src += blockBytes(bits), dst += 1024) {
    unpackScalesAndMins(src + 4, f32OfF16(src), f32OfF16(src + 2), SCALES);
    // The pair's fifth bits are the lowest two of each byte. Shifts are of 16-bit lanes, masked afterwards: there are none
    // of bytes on x86.
    let fifth0 = v128.load(src, 16), fifth1 = v128.load(src, 32);
    for (let pair: usize = 0; pair < 4; pair++) {
      const at = src + nibblesAt(bits) + (pair << 5);
      const pair0 = v128.load(at), pair1 = v128.load(at, 16);
      const scales = SCALES + (pair << 3), out = dst + (pair << 8);
      const s0 = v128.load32_splat(scales), m0 = v128.load32_splat(scales, 32);
      const s1 = v128.load32_splat(scales, 4), m1 = v128.load32_splat(scales, 36);
      decodeSixteenAffine(codes(bits, pair0, i16x8.shl(fifth0, 4)), s0, m0, out);
      decodeSixteenAffine(codes(bits, pair1, i16x8.shl(fifth1, 4)), s0, m0, out + 64);
      decodeSixteenAffine(codes(bits, i16x8.shr_u(pair0, 4), i16x8.shl(fifth0, 3)), s1, m1, out + 128);
      decodeSixteenAffine(codes(bits, i16x8.shr_u(pair1, 4), i16x8.shl(fifth1, 3)), s1, m1, out + 192);
      fifth0 = i16x8.shr_u(fifth0, 2);
      fifth1 = i16x8.shr_u(fifth1, 2);
    }
  }
}
