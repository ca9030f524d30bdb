// Signed scales by moving one code at a time, four groups of sixteen in four lanes: twin of refineSignedScale in
// ../k-refine.ts.
//
// Few steps move a code. What a step needs to see that is kept ready (each code's share of the sums), so that most
// steps are a dozen operations and a branch that is nearly always predicted, and do not wait for each other's division.
import { nearestCode } from "./k-scale-min";
import { nearestInt } from "../../simd/lanes";

/** Sixteen vectors per set of four groups, four sets: levels, code - range, as integers. */
export const LEVELS: usize = memory.data(1024, 16);
/** Sixteen vectors each: w * x * l and w * l * l of the present levels. */
const SHARE_LX: usize = memory.data(256, 16);
const SHARE_L2: usize = memory.data(256, 16);

const SMALLEST_GROUP: f32 = 1e-15;

/**
 * Refines the four groups of a set.
 * @param xs sixteen vectors of weights, lane g of group g
 * @param levels receives sixteen vectors of levels
 * @param scales receives four scales
 * @param actives receives four masks, 0 for groups of zeros
 */
export function refineFourSignedScales(xs: usize, levels: usize, range: i32, scales: usize, actives: usize): void {
  const zero = f32x4.splat(0), low = i32x4.splat(-range), high = i32x4.splat(range - 1);
  let largest = zero, extreme = zero;
  for (let at: usize = 0; at < 256; at += 16) {
    const x = v128.load(xs + at), magnitude = f32x4.abs(x);
    extreme = v128.bitselect(x, extreme, f32x4.gt(magnitude, largest));
    largest = f32x4.pmax(largest, magnitude);
  }
  const isActive = v128.not(f32x4.lt(largest, f32x4.splat(SMALLEST_GROUP)));
  const inverse = v128.and(f32x4.div(f32x4.splat(<f32>-range), extreme), isActive);
  let sumLX = zero, sumL2 = zero;
  for (let at: usize = 0; at < 256; at += 16) {
    const x = v128.load(xs + at), w = f32x4.mul(x, x);
    const level = nearestCode(f32x4.mul(inverse, x), -range, range - 1), l = f32x4.convert_i32x4_s(level);
    const shareLX = f32x4.mul(f32x4.mul(w, x), l), shareL2 = f32x4.mul(f32x4.mul(w, l), l);
    v128.store(levels + at, level);
    v128.store(SHARE_LX + at, shareLX);
    v128.store(SHARE_L2 + at, shareL2);
    sumLX = f32x4.add(sumLX, shareLX);
    sumL2 = f32x4.add(sumL2, shareL2);
  }
  for (let round = 0; round < 5; round++) {
    // A group without a change in one round has none in the next: it may go on with the others.
    let changed = zero;
    for (let at: usize = 0; at < 256; at += 16) {
      const x = v128.load(xs + at), level = v128.load(levels + at);
      const restLX = f32x4.sub(sumLX, v128.load(SHARE_LX + at)), restL2 = f32x4.sub(sumL2, v128.load(SHARE_L2 + at));
      // A NaN here never leads to a change: its sums are not greater than any.
      const nearest = nearestInt(f32x4.div(f32x4.mul(x, restL2), restLX));
      const newLevel = i32x4.max_s(i32x4.min_s(nearest, high), low);
      const isWanted = v128.and(i32x4.ne(newLevel, level), f32x4.gt(restLX, zero));
      if (!v128.any_true(isWanted)) continue;

      const newL = f32x4.convert_i32x4_s(newLevel), w = f32x4.mul(x, x);
      const shareLX = f32x4.mul(f32x4.mul(w, x), newL), shareL2 = f32x4.mul(f32x4.mul(w, newL), newL);
      const newLX = f32x4.add(restLX, shareLX), newL2 = f32x4.add(restL2, shareL2);
      const gain = f32x4.mul(f32x4.mul(newLX, newLX), sumL2), loss = f32x4.mul(f32x4.mul(sumLX, sumLX), newL2);
      const isBetter = v128.and(v128.and(isWanted, f32x4.gt(newL2, zero)), f32x4.gt(gain, loss));
      v128.store(levels + at, v128.bitselect(newLevel, level, isBetter));
      v128.store(SHARE_LX + at, v128.bitselect(shareLX, v128.load(SHARE_LX + at), isBetter));
      v128.store(SHARE_L2 + at, v128.bitselect(shareL2, v128.load(SHARE_L2 + at), isBetter));
      sumLX = v128.bitselect(newLX, sumLX, isBetter);
      sumL2 = v128.bitselect(newL2, sumL2, isBetter);
      changed = v128.or(changed, isBetter);
    }
    if (!v128.any_true(changed)) break;
  }
  v128.store(scales, v128.and(v128.and(f32x4.div(sumLX, sumL2), f32x4.gt(sumL2, zero)), isActive));
  v128.store(actives, isActive);
}
