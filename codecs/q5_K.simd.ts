// Twin of q5_K.ts: the eight groups of a super-block are searched in eight lanes.
import { CODES, packedMin, packedScale } from "./simd/k-blocks";
import { decodeSixteenAffine, f32OfF16 } from "./simd/k-decode";
import { encodeGroups, finishWeightedGroups, searchWeightedGroups, searchWeightedScales } from "./simd/k-groups-of-32";

const BLOCK_BYTES: usize = 176;

export function encode_q5_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  if (importance == 0) {
    for (let block = 0; block < blocks; block++, src += 1024, dst += BLOCK_BYTES) {
      encodeGroups(src, dst, 31, -0.5, 0.1, 15);
      storeCodes(dst);
    }
    return;
  }
  for (let block = 0; block < blocks; block += 2) {
    // The last of an odd number is its own neighbour.
    const next = block + 1 < blocks ? 1 : 0;
    const src1 = src + (<usize>next << 10), dst1 = dst + <usize>next * BLOCK_BYTES;
    searchWeightedGroups(src, importance + (<usize>(block % blocksPerRow) << 10), 0, 31);
    searchWeightedGroups(src1, importance + (<usize>((block + next) % blocksPerRow) << 10), 1, 31);
    const d = searchWeightedScales();
    finishWeightedGroups(src, dst, 0, f32x4.extract_lane(d, 0), f32x4.extract_lane(d, 1), 31, 63);
    storeCodes(dst);
    finishWeightedGroups(src1, dst1, 1, f32x4.extract_lane(d, 2), f32x4.extract_lane(d, 3), 31, 63);
    storeCodes(dst1);
    src += 2048;
    dst += 2 * BLOCK_BYTES;
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
    const d = f32OfF16(src), dmin = f32OfF16(src + 2);
    let high0 = v128.load(src, 16), high1 = v128.load(src, 32);
    for (let group: usize = 0; group < 8; group++) {
      const low = src + 48 + ((group >> 1) << 5), out = dst + (group << 7), shift = <i32>(group & 1) << 2;
      const scale = f32x4.splat(d * <f32>packedScale(src + 4, group)), min = f32x4.splat(dmin * <f32>packedMin(src + 4, group));
      // Bit `group` of each byte comes down to bit 0, and from there to bit 4.
      const codes0 = v128.or(v128.and(i8x16.shr_u(v128.load(low), shift), nibble), v128.and(i8x16.shl(high0, 4), bit));
      const codes1 = v128.or(v128.and(i8x16.shr_u(v128.load(low, 16), shift), nibble), v128.and(i8x16.shl(high1, 4), bit));
      decodeSixteenAffine(codes0, scale, min, out);
      decodeSixteenAffine(codes1, scale, min, out + 64);
      high0 = i8x16.shr_u(high0, 1);
      high1 = i8x16.shr_u(high1, 1);
    }
  }
}
