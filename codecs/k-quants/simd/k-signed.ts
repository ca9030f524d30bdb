// Signed scales of groups of sixteen, four groups in four lanes: twin of searchSignedScale in ../k-search.ts.
//
// The candidates do not depend on each other, so three go through the group together. No product of a candidate with a
// weight exceeds range + 0.9 in magnitude, so rounding by bias never overflows, and limits are needed only where the
// candidate can reach them: below -5 tenths none, below +5 only the upper.
import { nearestCode } from "./k-scale-min";

/** Sixteen vectors: each weight times its error weight. */
const WX: usize = memory.data(256, 16);
/** Sums of three candidates: w * x * l, then w * l * l. */
const SUMS: usize = memory.data(96, 16);

const BIAS: f32 = 12582912;
const BIAS_BITS: i32 = 0x4b400000;
const SMALLEST_GROUP: f32 = 1e-15;

/**
 * Searches four groups for codes in [-range, range - 1].
 * @param xs sixteen vectors of weights, lane g of group g
 * @param errorWeights as many error weights
 * @param scales receives four scales, 0 for groups of zeros
 * @param inverses receives four inverse scales: nearest(inverse * x), limited, is the code
 * @param actives receives four masks, 0 for groups of zeros
 */
export function searchFourSignedScales(
  xs: usize, errorWeights: usize, range: i32, scales: usize, inverses: usize, actives: usize,
): void {
  const zero = f32x4.splat(0);
  let largest = zero, extreme = zero;
  for (let at: usize = 0; at < 256; at += 16) {
    const x = v128.load(xs + at), magnitude = f32x4.abs(x);
    extreme = v128.bitselect(x, extreme, f32x4.gt(magnitude, largest));
    largest = f32x4.pmax(largest, magnitude);
  }
  const isActive = v128.not(f32x4.lt(largest, f32x4.splat(SMALLEST_GROUP)));
  let inverse = v128.and(f32x4.div(f32x4.splat(<f32>-range), extreme), isActive);
  let sumLX = zero, sumL2 = zero;
  for (let at: usize = 0; at < 256; at += 16) {
    const x = v128.load(xs + at), w = v128.load(errorWeights + at), wx = f32x4.mul(w, x);
    v128.store(WX + at, wx);
    const l = f32x4.convert_i32x4_s(nearestCode(f32x4.mul(inverse, x), -range, range - 1));
    sumLX = f32x4.add(sumLX, f32x4.mul(wx, l));
    sumL2 = f32x4.add(sumL2, f32x4.mul(f32x4.mul(w, l), l));
  }
  let scale = v128.and(f32x4.div(sumLX, sumL2), f32x4.ne(sumL2, zero));
  let best = f32x4.mul(scale, sumLX);

  for (let step = -9; step <= 7; step += step == -3 ? 4 : 3) {
    const a = candidate(range, step, extreme), b = candidate(range, step + 1, extreme);
    const c = candidate(range, step + 2, extreme);
    if (step == -9) sumWithin(xs, errorWeights, a, b, c);
    else if (step <= 1) sumBelow(xs, errorWeights, range, a, b, c);
    else sumLimited(xs, errorWeights, range, a, b, c);
    for (let i: usize = 0; i < 3; i++) {
      const xl = v128.load(SUMS + 16 * i), ll = v128.load(SUMS + 16 * i, 48);
      const isBetter = v128.and(f32x4.gt(ll, zero), f32x4.gt(f32x4.mul(xl, xl), f32x4.mul(best, ll)));
      const newScale = f32x4.div(xl, ll);
      scale = v128.bitselect(newScale, scale, isBetter);
      best = v128.bitselect(f32x4.mul(newScale, xl), best, isBetter);
      inverse = v128.bitselect(i == 0 ? a : i == 1 ? b : c, inverse, isBetter);
    }
  }
  v128.store(scales, v128.and(scale, isActive));
  v128.store(inverses, v128.and(inverse, isActive));
  v128.store(actives, isActive);
}

// @ts-ignore: decorator
@inline
function candidate(range: i32, step: i32, extreme: v128): v128 {
  return f32x4.div(f32x4.splat(-(<f32>range + <f32>0.1 * <f32>step)), extreme);
}

function sumWithin(xs: usize, errorWeights: usize, a: v128, b: v128, c: v128): void {
  sumThree(xs, errorWeights, 0, false, false, a, b, c);
}

function sumBelow(xs: usize, errorWeights: usize, range: i32, a: v128, b: v128, c: v128): void {
  sumThree(xs, errorWeights, range, true, false, a, b, c);
}

function sumLimited(xs: usize, errorWeights: usize, range: i32, a: v128, b: v128, c: v128): void {
  sumThree(xs, errorWeights, range, true, true, a, b, c);
}

// @ts-ignore: decorator
@inline
function sumThree(xs: usize, errorWeights: usize, range: i32, hasHigh: bool, hasLow: bool, a: v128, b: v128, c: v128): void {
  const bias = f32x4.splat(BIAS), low = i32x4.splat(BIAS_BITS - range), high = i32x4.splat(BIAS_BITS + range - 1);
  let xl0 = f32x4.splat(0), xl1 = xl0, xl2 = xl0, ll0 = xl0, ll1 = xl0, ll2 = xl0;
  for (let at: usize = 0; at < 256; at += 16) {
    const x = v128.load(xs + at), w = v128.load(errorWeights + at), wx = v128.load(WX + at);
    const l0 = code(f32x4.mul(a, x), bias, low, high, hasHigh, hasLow);
    xl0 = f32x4.add(xl0, f32x4.mul(wx, l0));
    ll0 = f32x4.add(ll0, f32x4.mul(f32x4.mul(w, l0), l0));
    const l1 = code(f32x4.mul(b, x), bias, low, high, hasHigh, hasLow);
    xl1 = f32x4.add(xl1, f32x4.mul(wx, l1));
    ll1 = f32x4.add(ll1, f32x4.mul(f32x4.mul(w, l1), l1));
    const l2 = code(f32x4.mul(c, x), bias, low, high, hasHigh, hasLow);
    xl2 = f32x4.add(xl2, f32x4.mul(wx, l2));
    ll2 = f32x4.add(ll2, f32x4.mul(f32x4.mul(w, l2), l2));
  }
  v128.store(SUMS, xl0);
  v128.store(SUMS, xl1, 16);
  v128.store(SUMS, xl2, 32);
  v128.store(SUMS, ll0, 48);
  v128.store(SUMS, ll1, 64);
  v128.store(SUMS, ll2, 80);
}

// @ts-ignore: decorator
@inline
function code(x: v128, bias: v128, low: v128, high: v128, hasHigh: bool, hasLow: bool): v128 {
  let biased = f32x4.add(x, bias);
  if (hasHigh) biased = i32x4.min_s(biased, high);
  if (hasLow) biased = i32x4.max_s(biased, low);
  return f32x4.sub(biased, bias);
}
