// Twin of q2_K.ts: the sixteen groups of a super-block are searched eight to a slot.
import {
  CODES, loadGroups, nearestIntOf, recodeSixteen, searchedSixteen, storeScale, weighByImportance,
} from "./simd/k-blocks";
import { storeBitPairs } from "./simd/k-bit-pairs";
import { decodeSixteenAffine, f32OfF16 } from "./simd/k-decode";
import { NUMBERS, NUMBER_CODES, NUMBER_ERROR_WEIGHTS, searchPositiveScales } from "./simd/k-positive";
import {
  BASES as SLOT_BASES, HALF, INVERSES as SLOT_INVERSES, MINS as SLOT_MINS, SCALES as SLOT_SCALES, searchBothSlots,
  SLOT, ERROR_WEIGHTS, X,
} from "./simd/k-scale-min";
import { sumOfSquares } from "../simd/signed-search";

const BLOCK_BYTES: usize = 84;
const QS: usize = 16;
const D: usize = 80;
const DMIN: usize = 82;

// What the search found of one super-block: sixteen floats each.
const SCALES: usize = 0;
const MINS: usize = 64;
const INVERSES: usize = 128;
const BASES: usize = 192;
const GROUP_ERROR_WEIGHTS: usize = 256;
const FOUND_BYTES: usize = 320;
/** Two super-blocks' worth, so that four searches of scales of scales fill a vector. */
const FOUND: usize = memory.data(640, 16);

export function encode_q2_K(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize): void {
  const blocksPerRow = rowLength >> 8, blocks = rows * blocksPerRow;
  if (importance == 0) {
    for (let block = 0; block < blocks; block++, src += 1024, dst += BLOCK_BYTES) encodePlain(src, dst);
    return;
  }
  for (let block = 0; block < blocks; block += 2) {
    // The last of an odd number is its own neighbour.
    const next = block + 1 < blocks ? 1 : 0;
    const src1 = src + (<usize>next << 10), dst1 = dst + <usize>next * BLOCK_BYTES;
    searchWeighted(src, importance + (<usize>(block % blocksPerRow) << 10), FOUND);
    searchWeighted(src1, importance + (<usize>((block + next) % blocksPerRow) << 10), FOUND + FOUND_BYTES);
    const d = searchWeightedScales();
    storeWeightedScales(dst, 0);
    finish(src, dst, FOUND, f32x4.extract_lane(d, 0), f32x4.extract_lane(d, 1));
    storeWeightedScales(dst1, 8);
    finish(src1, dst1, FOUND + FOUND_BYTES, f32x4.extract_lane(d, 2), f32x4.extract_lane(d, 3));
    src += 2048;
    dst += 2 * BLOCK_BYTES;
  }
}

/** Unweighted, an error counts by |x|; the largest scale (minimum) becomes 15, the others follow. */
function encodePlain(src: usize, dst: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    const xs = X + half * SLOT, errorWeights = ERROR_WEIGHTS + half * SLOT;
    loadGroups(src + (half << 9), 64, xs);
    for (let at: usize = 0; at < 256; at += 16) {
      v128.store(errorWeights + at, f32x4.abs(v128.load(xs + at)));
      v128.store(errorWeights + at, f32x4.abs(v128.load(xs + at, HALF)), HALF);
    }
  }
  searchBothSlots(16, 3, -0.5, 0.1, 15, true);
  keepResults(FOUND);
  const maxScale = greatest(FOUND + SCALES), maxMin = greatest(FOUND + MINS);
  const inverseScale: f32 = <f32>15 / maxScale, inverseMin: f32 = <f32>15 / maxMin;
  for (let j: usize = 0; j < 16; j++) {
    const scale = maxScale > 0 ? nearestIntOf(inverseScale * load<f32>(FOUND + SCALES + 4 * j)) : 0;
    const min = maxMin > 0 ? nearestIntOf(inverseMin * load<f32>(FOUND + MINS + 4 * j)) : 0;
    store<u8>(dst + j, <u8>(scale | (min << 4)));
  }
  finish(src, dst, FOUND, maxScale / 15, maxMin / 15);
}

/** Copies the results of both slots, which are the halves of one super-block. */
function keepResults(found: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    for (let at: usize = 0; at < 32; at += 16) {
      const from = half * SLOT + at, to = found + (half << 5) + at;
      v128.store(to, v128.load(SLOT_SCALES + from), SCALES);
      v128.store(to, v128.load(SLOT_MINS + from), MINS);
      v128.store(to, v128.load(SLOT_INVERSES + from), INVERSES);
      v128.store(to, v128.load(SLOT_BASES + from), BASES);
    }
  }
}

/** Greatest of sixteen floats and zero. */
function greatest(at: usize): f32 {
  let max: f32 = 0;
  for (let j: usize = 0; j < 64; j += 4) if (load<f32>(at + j) > max) max = load<f32>(at + j);
  return max;
}

function searchWeighted(src: usize, importance: usize, found: usize): void {
  const spread = sumOfSquares(src, 256) / 256;
  for (let half: usize = 0; half < 2; half++) {
    loadGroups(src + (half << 9), 64, X + half * SLOT);
    loadGroups(importance + (half << 9), 64, ERROR_WEIGHTS + half * SLOT);
    weighByImportance(16, spread, found + GROUP_ERROR_WEIGHTS + (half << 5), half * SLOT);
  }
  searchBothSlots(16, 3, -0.9, 0.05, 36, false);
  keepResults(found);
}

/** Scales of the scales and minima. Lanes: scales and minima of the first super-block, then of the second. */
function searchWeightedScales(): v128 {
  for (let j: usize = 0; j < 16; j++) {
    const at = FOUND + 4 * j;
    let x = v128.load32_zero(at, SCALES);
    x = v128.load32_lane(at, x, 1, MINS);
    x = v128.load32_lane(at, x, 2, FOUND_BYTES + SCALES);
    v128.store(NUMBERS + 16 * j, v128.load32_lane(at, x, 3, FOUND_BYTES + MINS));
    const w = v128.load32_splat(at, GROUP_ERROR_WEIGHTS), w1 = v128.load32_splat(at, FOUND_BYTES + GROUP_ERROR_WEIGHTS);
    v128.store(NUMBER_ERROR_WEIGHTS + 16 * j, v128.shuffle<f32>(w, w1, 0, 1, 4, 5));
  }
  return searchPositiveScales(16, 15);
}

// @ts-ignore: decorator
@inline
function storeWeightedScales(dst: usize, lanes: usize): void {
  for (let j: usize = 0; j < 16; j++) {
    const at = NUMBER_CODES + 16 * j + lanes;
    store<u8>(dst + j, <u8>(load<i32>(at) | (load<i32>(at, 4) << 4)));
  }
}

/** Stores the halves and chooses the codes again for what was stored. */
function finish(src: usize, dst: usize, found: usize, d: f32, dmin: f32): void {
  d = storeScale(dst + D, d);
  dmin = storeScale(dst + DMIN, dmin);
  for (let j: usize = 0; j < 16; j++) {
    const packed = <i32>load<u8>(dst + j), scale = d * <f32>(packed & 15), min = dmin * <f32>(packed >> 4);
    const x = src + (j << 6), codes = CODES + (j << 4);
    const inverse = load<f32>(found + INVERSES + 4 * j), base = load<f32>(found + BASES + 4 * j);
    if (scale == 0) searchedSixteen(x, inverse, base, 0, 3, codes);
    else recodeSixteen(x, scale, min, 0, 3, codes);
  }
  storeBitPairs(dst + QS);
}

export function decode_q2_K(src: usize, dst: usize, blocks: i32): void {
  const two = i8x16.splat(3);
  for (; blocks > 0; blocks--, src += BLOCK_BYTES, dst += 1024) {
    const d = f32OfF16(src + D), dmin = f32OfF16(src + DMIN);
    for (let part: usize = 0; part < 4; part++) {
      let codes = v128.load(src + QS + (part << 4));
      for (let quarter: usize = 0; quarter < 4; quarter++) {
        const group = ((part >> 1) << 3) + (quarter << 1) + (part & 1);
        const packed = <i32>load<u8>(src + group);
        const scale = f32x4.splat(d * <f32>(packed & 15)), min = f32x4.splat(dmin * <f32>(packed >> 4));
        decodeSixteenAffine(v128.and(codes, two), scale, min, dst + (group << 6));
        // A shift of 16-bit lanes, masked above: there is none of bytes on x86.
        codes = i16x8.shr_u(codes, 2);
      }
    }
  }
}
