// The part that q4_K and q5_K share, up to their codes: twin of encodeGroupsOf32 in ../k-groups.ts.
import {
  CODES, loadGroups, nearestIntOf, packScalesAndMins, recodeSixteen, searchedSixteen, storeScale,
  unpackScalesAndMins, weighByImportance, weighByMagnitude,
} from "./k-blocks";
import { NUMBERS, NUMBER_CODES, NUMBER_ERROR_WEIGHTS, searchPositiveScales } from "./k-positive";
import { BASES, INVERSES, MINS, SCALES, SLOT, ERROR_WEIGHTS, X } from "./k-scale-min";
import { sumOfSquares } from "../../simd/signed-search";

/** Minima lie this far behind scales in a slot. */
const MINS_OFFSET: usize = 32;
/** Eight sums of error weights, per slot. */
const GROUP_ERROR_WEIGHTS: usize = memory.data(64, 16);
/** Eight bytes of scales, then of minima. */
const BYTE_CODES: usize = memory.data(16, 16);
/** Eight scales as stored, then eight minima. */
const STORED: usize = memory.data(64, 16);

/** Loads a super-block into a slot, with the error weights that go without importance. */
// @ts-ignore: decorator
@inline
export function loadPlainGroups(src: usize, slot: usize): void {
  loadGroups(src, 128, X + slot);
  weighByMagnitude(slot);
}

/** After the search: writes the first 16 bytes of a slot's super-block, and its codes to CODES. */
export function finishPlainGroups(src: usize, dst: usize, slot: usize, maxCode: i32): void {
  const maxScale = greatest(SCALES + slot), maxMin = greatest(MINS + slot);
  const inverseScale: f32 = maxScale > 0 ? <f32>63 / maxScale : 0;
  const inverseMin: f32 = maxMin > 0 ? <f32>63 / maxMin : 0;
  for (let j: usize = 0; j < 8; j++) {
    const scale = nearestIntOf(inverseScale * load<f32>(SCALES + slot + 4 * j)) & 0xff;
    const min = nearestIntOf(inverseMin * load<f32>(MINS + slot + 4 * j)) & 0xff;
    store<u8>(BYTE_CODES + j, <u8>(scale < 63 ? scale : 63));
    store<u8>(BYTE_CODES + j, <u8>(min < 63 ? min : 63), 8);
  }
  finish(src, dst, slot, maxScale / 63, maxMin / 63, maxCode);
}

/** Greatest of eight floats and zero. */
// @ts-ignore: decorator
@inline
function greatest(at: usize): f32 {
  let max: f32 = 0;
  for (let j: usize = 0; j < 32; j += 4) if (load<f32>(at + j) > max) max = load<f32>(at + j);
  return max;
}

/** Loads a super-block into a slot, with its importance; `slot` is 0 or SLOT. */
export function loadWeightedGroups(src: usize, importance: usize, slot: usize): void {
  loadGroups(src, 128, X + slot);
  loadGroups(importance, 128, ERROR_WEIGHTS + slot);
  weighByImportance(32, <f32>2 * sumOfSquares(src, 256) / 256, GROUP_ERROR_WEIGHTS + (slot ? 32 : 0), slot);
}

/** After the search: scales of the scales and minima. Lanes: those of the first slot, then those of the second. */
export function searchWeightedScales(): v128 {
  for (let j: usize = 0; j < 8; j++) {
    const at = SCALES + 4 * j;
    let x = v128.load32_zero(at);
    x = v128.load32_lane(at, x, 1, MINS_OFFSET);
    x = v128.load32_lane(at, x, 2, SLOT);
    v128.store(NUMBERS + 16 * j, v128.load32_lane(at, x, 3, SLOT + MINS_OFFSET));
    const w = v128.load32_splat(GROUP_ERROR_WEIGHTS + 4 * j), w1 = v128.load32_splat(GROUP_ERROR_WEIGHTS + 4 * j, 32);
    v128.store(NUMBER_ERROR_WEIGHTS + 16 * j, v128.shuffle<f32>(w, w1, 0, 1, 4, 5));
  }
  return searchPositiveScales(8, 63);
}

/** Writes the first 16 bytes of a slot's super-block, and its codes to CODES. */
export function finishWeightedGroups(
  src: usize, dst: usize, slot: usize, d: f32, dmin: f32, maxCode: i32, limit: i32,
): void {
  for (let j: usize = 0; j < 8; j++) {
    const at = NUMBER_CODES + 16 * j + (slot ? 8 : 0);
    const scale = load<i32>(at), min = load<i32>(at, 4);
    store<u8>(BYTE_CODES + j, <u8>(scale < limit ? scale : limit));
    store<u8>(BYTE_CODES + j, <u8>(min < limit ? min : limit), 8);
  }
  finish(src, dst, slot, d, dmin, maxCode);
}

/** Stores halves and packed scales, then chooses the codes again for what was stored. */
function finish(src: usize, dst: usize, slot: usize, d: f32, dmin: f32, maxCode: i32): void {
  d = storeScale(dst, d);
  dmin = storeScale(dst + 2, dmin);
  packScalesAndMins(BYTE_CODES, BYTE_CODES + 8, dst + 4);
  unpackScalesAndMins(dst + 4, d, dmin, STORED);
  for (let j: usize = 0; j < 8; j++) {
    const scale = load<f32>(STORED + 4 * j), min = load<f32>(STORED + 4 * j, 32);
    const x = src + (j << 7), codes = CODES + (j << 5);
    if (scale == 0) {
      const inverse = load<f32>(INVERSES + slot + 4 * j), base = load<f32>(BASES + slot + 4 * j);
      searchedSixteen(x, inverse, base, 0, maxCode, codes);
      searchedSixteen(x + 64, inverse, base, 0, maxCode, codes + 16);
    } else {
      recodeSixteen(x, scale, min, 0, maxCode, codes);
      recodeSixteen(x + 64, scale, min, 0, maxCode, codes + 16);
    }
  }
}
