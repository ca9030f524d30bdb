// Twin of q3_K.ts: the sixteen groups of a super-block are searched four to a vector.
import {
  CODES, loadGroups, nearestIntOf, recodeSixteen, searchedSixteen, storeScale, weighByImportance,
} from "./simd/k-blocks";
import { decodeSixteenSigned, f32OfF16 } from "./simd/k-decode";
import { storeBitPairs } from "./simd/k-bit-pairs";
import { LEVELS, refineFourSignedScales } from "./simd/k-refine";
import { HALF, ERROR_WEIGHTS, X } from "./simd/k-scale-min";
import { searchFourSignedScales } from "./simd/k-signed";
import { searchSignedScaleOfSixteen } from "./simd/k-signed-scales";
import { sumOfSquares } from "../simd/signed-search";

const BLOCK_BYTES: usize = 110;
const QS: usize = 32;
const SCALES: usize = 96;
const D: usize = 108;

/**
 * Sixteen of each: scales found, inverses, masks of groups that are not zero, sums of error weights, and scale codes.
 */
const FOUND: usize = memory.data(64, 16);
const INVERSES: usize = memory.data(64, 16);
const ACTIVES: usize = memory.data(64, 16);
const GROUP_ERROR_WEIGHTS: usize = memory.data(64, 16);
const SCALE_CODES: usize = memory.data(16, 16);

export function encode_q3_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  for (let block = 0; block < blocks; block++, src += 1024, dst += BLOCK_BYTES) {
    let d: f32;
    if (importance == 0) {
      for (let half: usize = 0; half < 2; half++) {
        const at = half << 5, levels = LEVELS + (half << 9);
        loadGroups(src + (half << 9), 64, X);
        refineFourSignedScales(X, levels, 4, FOUND + at, ACTIVES + at);
        refineFourSignedScales(X + HALF, levels + 256, 4, FOUND + at + 16, ACTIVES + at + 16);
      }
      d = chooseScales();
    } else {
      const columns = importance + (<usize>(block % blocksPerRow) << 10);
      const spread = <f32>2 * sumOfSquares(src, 256) / 256;
      for (let half: usize = 0; half < 2; half++) {
        const at = half << 5;
        loadGroups(src + (half << 9), 64, X);
        loadGroups(columns + (half << 9), 64, ERROR_WEIGHTS);
        weighByImportance(16, spread, GROUP_ERROR_WEIGHTS + at);
        searchFourSignedScales(X, ERROR_WEIGHTS, 4, FOUND + at, INVERSES + at, ACTIVES + at);
        searchFourSignedScales(X + HALF, ERROR_WEIGHTS + HALF, 4, FOUND + at + 16, INVERSES + at + 16, ACTIVES + at + 16);
      }
      d = searchSignedScaleOfSixteen(FOUND, GROUP_ERROR_WEIGHTS, 32, SCALE_CODES);
    }
    finish(src, dst, storeScale(dst + D, d), importance != 0);
  }
}

/** The scale of largest magnitude becomes -32, the others follow; returns d. */
function chooseScales(): f32 {
  let largest: f32 = 0, extreme: f32 = 0;
  for (let j: usize = 0; j < 64; j += 4) {
    const scale = load<f32>(FOUND + j);
    if (abs(scale) > largest) {
      largest = abs(scale);
      extreme = scale;
    }
  }
  if (largest == 0) {
    v128.store(SCALE_CODES, i32x4.splat(0));
    return 0;
  }
  const inverse: f32 = <f32>-32 / extreme;
  for (let j: usize = 0; j < 16; j++) {
    const nearest = <i32><i8>nearestIntOf(inverse * load<f32>(FOUND + 4 * j));
    store<u8>(SCALE_CODES + j, <u8>((nearest < -32 ? -32 : nearest < 31 ? nearest : 31) + 32));
  }
  return <f32>1 / inverse;
}

function finish(src: usize, dst: usize, d: f32, isWeighted: bool): void {
  for (let j: usize = 0; j < 16; j++) {
    const scale = d * <f32>(<i32>load<u8>(SCALE_CODES + j) - 32), x = src + (j << 6), codes = CODES + (j << 4);
    if (scale != 0) recodeSixteen(x, scale, 0, -4, 3, codes);
    else if (!load<i32>(ACTIVES + 4 * j)) v128.store(codes, i32x4.splat(0));
    else if (isWeighted) searchedSixteen(x, load<f32>(INVERSES + 4 * j), 0, -4, 3, codes);
    else copyLevels(j, codes);
  }
  for (let half: usize = 0; half < 32; half += 16) {
    let mask = i8x16.splat(0);
    for (let bit: usize = 0; bit < 8; bit++) {
      const high = i8x16.shr_u(v128.load(CODES + (bit << 5) + half), 2);
      mask = v128.or(mask, i8x16.shl(high, <i32>bit));
    }
    v128.store(dst + half, mask);
  }
  storeBitPairs(dst + QS);
  packScales(dst + SCALES);
}

/** Codes of group `j` as the refinement left them. */
function copyLevels(j: usize, codes: usize): void {
  const levels = LEVELS + ((j >> 2) << 8) + ((j & 3) << 2);
  for (let i: usize = 0; i < 16; i++) store<u8>(codes + i, <u8>(load<i32>(levels + (i << 4)) + 4));
}

// @ts-ignore: decorator
@inline
function packScales(dst: usize): void {
  for (let j: usize = 0; j < 8; j++) {
    store<u8>(dst + j, (load<u8>(SCALE_CODES + j) & 15) | ((load<u8>(SCALE_CODES + j, 8) & 15) << 4));
  }
  for (let j: usize = 0; j < 4; j++) {
    const low = (load<u8>(SCALE_CODES + j) >> 4) | ((load<u8>(SCALE_CODES + j, 4) >> 4) << 2);
    const high = ((load<u8>(SCALE_CODES + j, 8) >> 4) << 4) | ((load<u8>(SCALE_CODES + j, 12) >> 4) << 6);
    store<u8>(dst + j, low | high, 8);
  }
}

export function decode_q3_K(src: usize, dst: usize, blocks: i32): void {
  const two = i8x16.splat(3), bit = i8x16.splat(4);
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    const d = f32OfF16(src + D);
    for (let side: usize = 0; side < 2; side++) {
      let high = v128.load(src + (side << 4));
      for (let half: usize = 0; half < 2; half++) {
        let low = v128.load(src + QS + (half << 5) + (side << 4));
        for (let quarter: usize = 0; quarter < 4; quarter++) {
          const group = (half << 3) + (quarter << 1) + side;
          const codes = v128.or(v128.and(low, two), v128.and(i16x8.shl(high, 2), bit));
          const scale = f32x4.splat(d * <f32>packedSignedScale(src + SCALES, group));
          decodeSixteenSigned(i8x16.sub(codes, bit), scale, dst + (group << 6));
          // Shifts of 16-bit lanes, masked above: there are none of bytes on x86.
          low = i16x8.shr_u(low, 2);
          high = i16x8.shr_u(high, 1);
        }
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function packedSignedScale(at: usize, j: usize): i32 {
  const low = (load<u8>(at + (j & 7)) >> (j < 8 ? 0 : 4)) & 15;
  const high = (load<u8>(at + 8 + (j & 3)) >> <u8>(2 * (j >> 2))) & 3;
  return (<i32>low | (<i32>high << 4)) - 32;
}
