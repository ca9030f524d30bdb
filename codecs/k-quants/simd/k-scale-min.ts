// Scale and minimum of eight groups at once, one group to a lane: twin of searchScaleAndMin in ../k-search.ts.
//
// Each lane does the scalar operations in the scalar order. What keeps the bits and saves the time: codes are limited
// as integers while they still carry the rounding bias (2^23 * 1.5, whose bits grow by one per integer); the codes of
// the best candidate are not kept but can be had again from its inverse scale and minimum; and two slots of eight groups
// take turns, so that the divisions between the passes of one are hidden behind a pass of the other.
import { nearestInt } from "../../simd/lanes";

/** From one slot to the next. */
export const SLOT: usize = 3712;
const SLOTS: usize = memory.data(7424, 16);
/** Second half of X and ERROR_WEIGHTS: groups 4 to 7. */
export const HALF: usize = 512;
/** Up to 32 vectors for groups 0 to 3, then as many for groups 4 to 7: the weights, and the weights of their errors. */
export const X: usize = SLOTS;
export const ERROR_WEIGHTS: usize = SLOTS + 1024;
/** Results, eight floats each: the scales, and the minima, which are not negative. */
export const SCALES: usize = SLOTS + 3072;
export const MINS: usize = SLOTS + 3104;
/** Results: nearest(inverse * (x - base)) within [0, maxCode] is the code of the search. */
export const INVERSES: usize = SLOTS + 3136;
export const BASES: usize = SLOTS + 3168;

// The rest is the state of a search, by offset in its slot: two vectors each, but for the codes of the candidate.
const CODES_AT: usize = 2048;
const SCALE: usize = 3072;
const BEST_INVERSE: usize = 3136;
const BASE: usize = 3168;
/** The minimum of the best candidate, to be negated. */
const MIN: usize = 3200;
const LOW: usize = 3232;
const MAX: usize = 3264;
const IS_ACTIVE: usize = 3296;
const SUM_W: usize = 3328;
const SUM_X: usize = 3360;
const BEST: usize = 3392;
const INVERSE: usize = 3424;
const SUM_L: usize = 3456;
const SUM_LL: usize = 3488;
const SUM_XL: usize = 3520;
const DETERMINANT: usize = 3552;
const NEW_SCALE: usize = 3584;
const NEW_MIN: usize = 3616;
const ERROR: usize = 3648;

const BIAS: f32 = 12582912;
const BIAS_BITS: i32 = 0x4b400000;
/** From here on rounding by bias gives arbitrary bits. */
const ROUNDING_LIMIT: f32 = 4194304;

/** Searches the groups in both slots; candidates are (first + step * i + maxCode) / range, i from 0 to `steps`. */
export function searchBothSlots(count: i32, maxCode: i32, first: f32, step: f32, steps: i32, isAbsolute: bool): void {
  const end = <usize>count << 4, a = SLOTS, b = SLOTS + SLOT;
  begin(a, end, maxCode, first, isAbsolute);
  begin(b, end, maxCode, first, isAbsolute);
  for (let i = 1; i <= steps + 1; i++) {
    const next = first + step * <f32>i + <f32>maxCode;
    sumCandidate(a, end, maxCode);
    regress(a);
    sumCandidate(b, end, maxCode);
    regress(b);
    sumErrors(a, end, isAbsolute);
    decide(a, next);
    sumErrors(b, end, isAbsolute);
    decide(b, next);
  }
  finish(a);
  finish(b);
}

/** Searches the groups in the first slot alone. */
export function searchFirstSlot(count: i32, maxCode: i32, first: f32, step: f32, steps: i32, isAbsolute: bool): void {
  const end = <usize>count << 4;
  begin(SLOTS, end, maxCode, first, isAbsolute);
  for (let i = 1; i <= steps + 1; i++) {
    sumCandidate(SLOTS, end, maxCode);
    regress(SLOTS);
    sumErrors(SLOTS, end, isAbsolute);
    decide(SLOTS, first + step * <f32>i + <f32>maxCode);
  }
  finish(SLOTS);
}

/** Range and sums of the groups, the error of the plain scale, and the first candidate. */
function begin(slot: usize, end: usize, maxCode: i32, first: f32, isAbsolute: bool): void {
  const xs = slot, errorWeights = slot + 1024;
  let x0 = v128.load(xs), x1 = v128.load(xs, HALF), w0 = v128.load(errorWeights), w1 = v128.load(errorWeights, HALF);
  let low0 = x0, low1 = x1, max0 = x0, max1 = x1, sumW0 = w0, sumW1 = w1;
  let sumX0 = f32x4.mul(w0, x0), sumX1 = f32x4.mul(w1, x1);
  for (let at: usize = 16; at < end; at += 16) {
    x0 = v128.load(xs + at); x1 = v128.load(xs + at, HALF); w0 = v128.load(errorWeights + at); w1 = v128.load(errorWeights + at, HALF);
    low0 = f32x4.pmin(low0, x0); low1 = f32x4.pmin(low1, x1);
    max0 = f32x4.pmax(max0, x0); max1 = f32x4.pmax(max1, x1);
    sumW0 = f32x4.add(sumW0, w0); sumW1 = f32x4.add(sumW1, w1);
    sumX0 = f32x4.add(sumX0, f32x4.mul(w0, x0)); sumX1 = f32x4.add(sumX1, f32x4.mul(w1, x1));
  }
  const zero = f32x4.splat(0), one = f32x4.splat(1), levels = f32x4.splat(<f32>maxCode);
  const min0 = f32x4.pmin(low0, zero), min1 = f32x4.pmin(low1, zero);
  const isActive0 = f32x4.ne(max0, min0), isActive1 = f32x4.ne(max1, min1);
  const inverse0 = v128.and(f32x4.div(levels, f32x4.sub(max0, min0)), isActive0);
  const inverse1 = v128.and(f32x4.div(levels, f32x4.sub(max1, min1)), isActive1);
  const scale0 = f32x4.div(one, inverse0), scale1 = f32x4.div(one, inverse1);
  storeBoth(slot, LOW, low0, low1);
  storeBoth(slot, MAX, max0, max1);
  storeBoth(slot, SUM_W, sumW0, sumW1);
  storeBoth(slot, SUM_X, sumX0, sumX1);
  storeBoth(slot, IS_ACTIVE, isActive0, isActive1);
  storeBoth(slot, MIN, min0, min1);
  storeBoth(slot, BASE, min0, min1);
  storeBoth(slot, INVERSE, inverse0, inverse1);
  storeBoth(slot, BEST_INVERSE, inverse0, inverse1);
  storeBoth(slot, SCALE, scale0, scale1);
  storeBoth(slot, NEW_SCALE, scale0, scale1);
  storeBoth(slot, NEW_MIN, min0, min1);
  // Carefully, so that groups with infinities or NaN start with the error NaN, which no candidate undercuts.
  sumCarefully(slot, end, maxCode);
  sumErrors(slot, end, isAbsolute);
  storeBoth(slot, BEST, v128.load(slot, ERROR), v128.load(slot, ERROR + 16));
  const k = f32x4.splat(first + <f32>maxCode);
  storeBoth(
    slot, INVERSE,
    v128.and(f32x4.div(k, f32x4.sub(max0, min0)), isActive0), v128.and(f32x4.div(k, f32x4.sub(max1, min1)), isActive1),
  );
}

// @ts-ignore: decorator
@inline
function storeBoth(slot: usize, offset: usize, first: v128, second: v128): void {
  v128.store(slot + offset, first);
  v128.store(slot + offset, second, 16);
}

/** Scale and minimum of the candidate by weighted regression on its codes. */
function regress(slot: usize): void {
  regressFour(slot);
  regressFour(slot + 16);
}

// @ts-ignore: decorator
@inline
function regressFour(at: usize): void {
  const zero = f32x4.splat(0);
  const l = v128.load(at, SUM_L), ll = v128.load(at, SUM_LL), xl = v128.load(at, SUM_XL);
  const sumW = v128.load(at, SUM_W), sumX = v128.load(at, SUM_X);
  const d = f32x4.sub(f32x4.mul(sumW, ll), f32x4.mul(l, l));
  let scale = f32x4.div(f32x4.sub(f32x4.mul(sumW, xl), f32x4.mul(sumX, l)), d);
  let min = f32x4.div(f32x4.sub(f32x4.mul(ll, sumX), f32x4.mul(l, xl)), d);
  const isAbove = f32x4.gt(min, zero);
  scale = v128.bitselect(f32x4.div(xl, ll), scale, isAbove);
  min = v128.andnot(min, isAbove);
  v128.store(at, d, DETERMINANT);
  v128.store(at, scale, NEW_SCALE);
  v128.store(at, min, NEW_MIN);
}

/** Takes the candidate where it is better, and sets the inverse of the next from the minimum as it is then. */
function decide(slot: usize, next: f32): void {
  decideFour(slot, next);
  decideFour(slot + 16, next);
}

// @ts-ignore: decorator
@inline
function decideFour(at: usize, next: f32): void {
  const best = v128.load(at, BEST), error = v128.load(at, ERROR);
  const min = v128.load(at, MIN), inverse = v128.load(at, INVERSE);
  const isBetter = v128.and(f32x4.gt(v128.load(at, DETERMINANT), f32x4.splat(0)), f32x4.lt(error, best));
  const newMin = v128.bitselect(v128.load(at, NEW_MIN), min, isBetter);
  v128.store(at, v128.bitselect(error, best, isBetter), BEST);
  v128.store(at, v128.bitselect(v128.load(at, NEW_SCALE), v128.load(at, SCALE), isBetter), SCALE);
  v128.store(at, v128.bitselect(inverse, v128.load(at, BEST_INVERSE), isBetter), BEST_INVERSE);
  v128.store(at, v128.bitselect(min, v128.load(at, BASE), isBetter), BASE);
  v128.store(at, newMin, MIN);
  const range = f32x4.sub(v128.load(at, MAX), newMin);
  v128.store(at, v128.and(f32x4.div(f32x4.splat(next), range), v128.load(at, IS_ACTIVE)), INVERSE);
}

/** A group of one value keeps scale 0: its lanes computed 1 / 0, and the candidates' sums of codes are 0. */
function finish(slot: usize): void {
  for (let at = slot; at < slot + 32; at += 16) {
    v128.store(at, v128.and(v128.load(at, SCALE), v128.load(at, IS_ACTIVE)), SCALE);
    v128.store(at, f32x4.neg(v128.load(at, MIN)), SCALE + 32);
  }
}

// @ts-ignore: decorator
@inline
function isInRange(inverse: v128, x: v128, min: v128): v128 {
  return f32x4.lt(f32x4.abs(f32x4.mul(inverse, f32x4.sub(x, min))), f32x4.splat(ROUNDING_LIMIT));
}

/** Codes of the candidate and their sums. */
function sumCandidate(slot: usize, end: usize, maxCode: i32): void {
  const inverse0 = v128.load(slot, INVERSE), inverse1 = v128.load(slot, INVERSE + 16);
  const min0 = v128.load(slot, MIN), min1 = v128.load(slot, MIN + 16);
  // Rounding grows with its argument, so if the least and the largest weight are in range, all are.
  const isInRange0 = v128.and(isInRange(inverse0, v128.load(slot, LOW), min0), isInRange(inverse0, v128.load(slot, MAX), min0));
  const isInRange1 = v128.and(
    isInRange(inverse1, v128.load(slot, LOW + 16), min1), isInRange(inverse1, v128.load(slot, MAX + 16), min1),
  );
  if (!i32x4.all_true(v128.and(isInRange0, isInRange1))) {
    sumCarefully(slot, end, maxCode);
    return;
  }
  const bias = f32x4.splat(BIAS), low = i32x4.splat(BIAS_BITS), high = i32x4.splat(BIAS_BITS + maxCode);
  let l0 = f32x4.splat(0), l1 = l0, ll0 = l0, ll1 = l0, xl0 = l0, xl1 = l0;
  for (let at = slot, stop = slot + end; at < stop; at += 16) {
    const x0 = v128.load(at);
    const biased0 = f32x4.add(f32x4.mul(inverse0, f32x4.sub(x0, min0)), bias);
    const code0 = f32x4.sub(i32x4.max_s(i32x4.min_s(biased0, high), low), bias);
    v128.store(at, code0, CODES_AT);
    const wl0 = f32x4.mul(v128.load(at, 1024), code0);
    l0 = f32x4.add(l0, wl0);
    ll0 = f32x4.add(ll0, f32x4.mul(wl0, code0));
    xl0 = f32x4.add(xl0, f32x4.mul(wl0, x0));
    const x1 = v128.load(at, HALF);
    const biased1 = f32x4.add(f32x4.mul(inverse1, f32x4.sub(x1, min1)), bias);
    const code1 = f32x4.sub(i32x4.max_s(i32x4.min_s(biased1, high), low), bias);
    v128.store(at, code1, CODES_AT + HALF);
    const wl1 = f32x4.mul(v128.load(at, 1024 + HALF), code1);
    l1 = f32x4.add(l1, wl1);
    ll1 = f32x4.add(ll1, f32x4.mul(wl1, code1));
    xl1 = f32x4.add(xl1, f32x4.mul(wl1, x1));
  }
  storeBoth(slot, SUM_L, l0, l1);
  storeBoth(slot, SUM_LL, ll0, ll1);
  storeBoth(slot, SUM_XL, xl0, xl1);
}

/** The same for any lanes: infinities, NaN, and products beyond the rounding limit. */
function sumCarefully(slot: usize, end: usize, maxCode: i32): void {
  for (let half: usize = 0; half < 2; half++) {
    const state = slot + (half << 4);
    const inverse = v128.load(state, INVERSE), min = v128.load(state, MIN);
    let l = f32x4.splat(0), ll = l, xl = l;
    for (let at = slot + half * HALF, stop = at + end; at < stop; at += 16) {
      const x = v128.load(at);
      const code = f32x4.convert_i32x4_s(nearestCode(f32x4.mul(inverse, f32x4.sub(x, min)), 0, maxCode));
      v128.store(at, code, CODES_AT);
      const wl = f32x4.mul(v128.load(at, 1024), code);
      l = f32x4.add(l, wl);
      ll = f32x4.add(ll, f32x4.mul(wl, code));
      xl = f32x4.add(xl, f32x4.mul(wl, x));
    }
    v128.store(state, l, SUM_L);
    v128.store(state, ll, SUM_LL);
    v128.store(state, xl, SUM_XL);
  }
}

/** Nearest integer within [low, high], as integers; NaN counts as 0. */
// @ts-ignore: decorator
@inline
export function nearestCode(x: v128, low: i32, high: i32): v128 {
  const nearest = nearestInt(v128.and(x, f32x4.eq(x, x)));
  return i32x4.min_s(i32x4.max_s(nearest, i32x4.splat(low)), i32x4.splat(high));
}

/** Weighted errors of the candidate's codes. */
function sumErrors(slot: usize, end: usize, isAbsolute: bool): void {
  const scale0 = v128.load(slot, NEW_SCALE), scale1 = v128.load(slot, NEW_SCALE + 16);
  const min0 = v128.load(slot, NEW_MIN), min1 = v128.load(slot, NEW_MIN + 16);
  let error0 = f32x4.splat(0), error1 = error0;
  const stop = slot + end;
  if (isAbsolute) {
    for (let at = slot; at < stop; at += 16) {
      const off0 = f32x4.sub(f32x4.add(f32x4.mul(scale0, v128.load(at, CODES_AT)), min0), v128.load(at));
      const off1 = f32x4.sub(f32x4.add(f32x4.mul(scale1, v128.load(at, CODES_AT + HALF)), min1), v128.load(at, HALF));
      error0 = f32x4.add(error0, f32x4.mul(v128.load(at, 1024), f32x4.abs(off0)));
      error1 = f32x4.add(error1, f32x4.mul(v128.load(at, 1024 + HALF), f32x4.abs(off1)));
    }
  } else {
    for (let at = slot; at < stop; at += 16) {
      const off0 = f32x4.sub(f32x4.add(f32x4.mul(scale0, v128.load(at, CODES_AT)), min0), v128.load(at));
      const off1 = f32x4.sub(f32x4.add(f32x4.mul(scale1, v128.load(at, CODES_AT + HALF)), min1), v128.load(at, HALF));
      error0 = f32x4.add(error0, f32x4.mul(v128.load(at, 1024), f32x4.mul(off0, off0)));
      error1 = f32x4.add(error1, f32x4.mul(v128.load(at, 1024 + HALF), f32x4.mul(off1, off1)));
    }
  }
  storeBoth(slot, ERROR, error0, error1);
}
