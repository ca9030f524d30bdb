// The part that q4_K and q5_K share, up to their codes: twin of encodeGroupsOf32 in ../k-groups.ts.
import { CODES, loadGroups, nearestIntOf, packScalesAndMins, recodeSixteen, searchedSixteen, storeScale, unpackScalesAndMins, weighByImportance, weighByMagnitude } from "./k-blocks";
import { NUMBERS, NUMBER_CODES, NUMBER_WEIGHTS, searchPositiveScales } from "./k-positive";
import { searchScalesAndMins, W, X } from "./k-scale-min";
import { sumOfSquares } from "./signed-search";

// What the search found of one super-block: eight floats each.
const SCALES: usize = 0;
const MINS: usize = 32;
const INVERSES: usize = 64;
const BASES: usize = 96;
const GROUP_WEIGHTS: usize = 128;
const FOUND_BYTES: usize = 160;
/** Two super-blocks' worth, so that four searches of scales of scales fill a vector. */
const FOUND: usize = memory.data(320, 16);
const BYTE_CODES: usize = memory.data(16, 16);
/** Eight scales as stored, then eight minima. */
const STORED: usize = memory.data(64, 16);

/** Searches a super-block without importance and writes its first 16 bytes; the codes go to CODES. */
// @ts-ignore: decorator
@inline
export function encodeGroups(src: usize, dst: usize, maxCode: i32, first: f32, step: f32, steps: i32): void {
  loadGroups(src, 128, X);
  weighByMagnitude();
  searchScalesAndMins(
    32, maxCode, first, step, steps, false, FOUND + SCALES, FOUND + MINS, FOUND + INVERSES, FOUND + BASES,
  );
  const maxScale = greatest(FOUND + SCALES), maxMin = greatest(FOUND + MINS);
  const inverseScale: f32 = maxScale > 0 ? <f32>63 / maxScale : 0;
  const inverseMin: f32 = maxMin > 0 ? <f32>63 / maxMin : 0;
  for (let j: usize = 0; j < 8; j++) {
    const scale = nearestIntOf(inverseScale * load<f32>(FOUND + SCALES + 4 * j)) & 0xff;
    const min = nearestIntOf(inverseMin * load<f32>(FOUND + MINS + 4 * j)) & 0xff;
    store<u8>(BYTE_CODES + j, <u8>(scale < 63 ? scale : 63));
    store<u8>(BYTE_CODES + j, <u8>(min < 63 ? min : 63), 8);
  }
  finish(src, dst, FOUND, maxScale / 63, maxMin / 63, maxCode);
}

/** Greatest of eight floats and zero. */
// @ts-ignore: decorator
@inline
function greatest(at: usize): f32 {
  let max: f32 = 0;
  for (let j: usize = 0; j < 32; j += 4) if (load<f32>(at + j) > max) max = load<f32>(at + j);
  return max;
}

/** The search of one super-block with importance; `slot` 0 or 1 says where the results are kept. */
// @ts-ignore: decorator
@inline
export function searchWeightedGroups(src: usize, importance: usize, slot: i32, maxCode: i32): void {
  const found = FOUND + <usize>slot * FOUND_BYTES;
  loadGroups(src, 128, X);
  loadGroups(importance, 128, W);
  weighByImportance(32, <f32>2 * sumOfSquares(src, 256) / 256, found + GROUP_WEIGHTS);
  searchScalesAndMins(32, maxCode, -0.9, 0.05, 36, false, found + SCALES, found + MINS, found + INVERSES, found + BASES);
}

/** After two searches: scales of the scales and minima. Lanes: scales and minima of slot 0, then of slot 1. */
export function searchWeightedScales(): v128 {
  for (let j: usize = 0; j < 8; j++) {
    const at = FOUND + 4 * j;
    let x = v128.load32_zero(at, SCALES);
    x = v128.load32_lane(at, x, 1, MINS);
    x = v128.load32_lane(at, x, 2, FOUND_BYTES + SCALES);
    v128.store(NUMBERS + 16 * j, v128.load32_lane(at, x, 3, FOUND_BYTES + MINS));
    const w = v128.load32_splat(at, GROUP_WEIGHTS), w1 = v128.load32_splat(at, FOUND_BYTES + GROUP_WEIGHTS);
    v128.store(NUMBER_WEIGHTS + 16 * j, v128.shuffle<f32>(w, w1, 0, 1, 4, 5));
  }
  return searchPositiveScales(8, 63);
}

/** Writes the first 16 bytes of the super-block of a slot, and its codes to CODES. */
export function finishWeightedGroups(src: usize, dst: usize, slot: i32, d: f32, dmin: f32, maxCode: i32, limit: i32): void {
  for (let j: usize = 0; j < 8; j++) {
    const at = NUMBER_CODES + 16 * j + (<usize>slot << 3);
    const scale = load<i32>(at), min = load<i32>(at, 4);
    store<u8>(BYTE_CODES + j, <u8>(scale < limit ? scale : limit));
    store<u8>(BYTE_CODES + j, <u8>(min < limit ? min : limit), 8);
  }
  finish(src, dst, FOUND + <usize>slot * FOUND_BYTES, d, dmin, maxCode);
}

/** Stores halves and packed scales, then chooses the codes again for what was stored. */
function finish(src: usize, dst: usize, found: usize, d: f32, dmin: f32, maxCode: i32): void {
  d = storeScale(dst, d);
  dmin = storeScale(dst + 2, dmin);
  packScalesAndMins(BYTE_CODES, BYTE_CODES + 8, dst + 4);
  unpackScalesAndMins(dst + 4, d, dmin, STORED);
  for (let j: usize = 0; j < 8; j++) {
    const scale = load<f32>(STORED + 4 * j), min = load<f32>(STORED + 4 * j, 32);
    const x = src + (j << 7), codes = CODES + (j << 5);
    if (scale == 0) {
      const inverse = load<f32>(found + INVERSES + 4 * j), base = load<f32>(found + BASES + 4 * j);
      searchedSixteen(x, inverse, base, 0, maxCode, codes);
      searchedSixteen(x + 64, inverse, base, 0, maxCode, codes + 16);
    } else {
      recodeSixteen(x, scale, min, 0, maxCode, codes);
      recodeSixteen(x + 64, scale, min, 0, maxCode, codes + 16);
    }
  }
}
