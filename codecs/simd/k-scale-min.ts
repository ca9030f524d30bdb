// Scale and minimum of eight groups at once, one group to a lane: twin of searchScaleAndMin in ../k-search.ts.
//
// Each lane does the scalar operations in the scalar order. Two tricks keep the bits and save the time: codes are
// limited as integers while they still carry the rounding bias (2^23 * 1.5, whose bits grow by one per integer), and
// the codes of the best candidate are not kept but can be had again from its inverse scale and minimum.
import { nearestInt } from "./lanes";

/** Second half of each array below: groups 4 to 7. */
export const HALF: usize = 512;
/** Up to 32 vectors for groups 0 to 3, then as many for groups 4 to 7: the weights, and the weights of the error. */
export const X: usize = memory.data(1024, 16);
export const W: usize = memory.data(1024, 16);
const L: usize = memory.data(1024, 16);
/** Sums of the present candidate: l, l * l and x * l (or the error, in the first), two vectors each. */
const SUMS: usize = memory.data(96, 16);

const BIAS: f32 = 12582912;
const BIAS_BITS: i32 = 0x4b400000;
/** From here on rounding by bias gives arbitrary bits. */
const ROUNDING_LIMIT: f32 = 4194304;

/**
 * Searches the eight groups in X and W and writes eight floats each.
 * @param scales the scales
 * @param mins the minima, not negative
 * @param inverses with `bases`: code = nearest(inverse * (x - base)) within [0, maxCode] is the code of the search
 */
// @ts-ignore: decorator
@inline
export function searchScalesAndMins(
  count: i32, maxCode: i32, first: f32, step: f32, steps: i32, isAbsolute: bool,
  scales: usize, mins: usize, inverses: usize, bases: usize,
): void {
  const end = <usize>count << 4;
  let x0 = v128.load(X), x1 = v128.load(X, HALF), w0 = v128.load(W), w1 = v128.load(W, HALF);
  let low0 = x0, low1 = x1, max0 = x0, max1 = x1, sumW0 = w0, sumW1 = w1;
  let sumX0 = f32x4.mul(w0, x0), sumX1 = f32x4.mul(w1, x1);
  for (let at: usize = 16; at < end; at += 16) {
    x0 = v128.load(X + at); x1 = v128.load(X + at, HALF); w0 = v128.load(W + at); w1 = v128.load(W + at, HALF);
    low0 = f32x4.pmin(low0, x0); low1 = f32x4.pmin(low1, x1);
    max0 = f32x4.pmax(max0, x0); max1 = f32x4.pmax(max1, x1);
    sumW0 = f32x4.add(sumW0, w0); sumW1 = f32x4.add(sumW1, w1);
    sumX0 = f32x4.add(sumX0, f32x4.mul(w0, x0)); sumX1 = f32x4.add(sumX1, f32x4.mul(w1, x1));
  }
  const zero = f32x4.splat(0);
  let min0 = f32x4.pmin(low0, zero), min1 = f32x4.pmin(low1, zero);
  const isActive0 = f32x4.ne(max0, min0), isActive1 = f32x4.ne(max1, min1);

  let inverse0 = v128.and(f32x4.div(f32x4.splat(<f32>maxCode), f32x4.sub(max0, min0)), isActive0);
  let inverse1 = v128.and(f32x4.div(f32x4.splat(<f32>maxCode), f32x4.sub(max1, min1)), isActive1);
  let bestInverse0 = inverse0, bestInverse1 = inverse1, base0 = min0, base1 = min1;
  let scale0 = f32x4.div(f32x4.splat(1), inverse0), scale1 = f32x4.div(f32x4.splat(1), inverse1);
  sumCandidateCarefully(end, maxCode, inverse0, inverse1, min0, min1);
  sumErrors(end, isAbsolute, scale0, scale1, min0, min1);
  let best0 = v128.load(SUMS), best1 = v128.load(SUMS, 16);

  for (let i = 0; i <= steps; i++) {
    const k = f32x4.splat(first + step * <f32>i + <f32>maxCode);
    inverse0 = v128.and(f32x4.div(k, f32x4.sub(max0, min0)), isActive0);
    inverse1 = v128.and(f32x4.div(k, f32x4.sub(max1, min1)), isActive1);
    // Rounding grows with its argument, so if the ends of the range are tame all weights are.
    const isTame0 = v128.and(isTame(inverse0, low0, min0), isTame(inverse0, max0, min0));
    const isTame1 = v128.and(isTame(inverse1, low1, min1), isTame(inverse1, max1, min1));
    if (i32x4.all_true(v128.and(isTame0, isTame1))) sumCandidate(end, maxCode, inverse0, inverse1, min0, min1);
    else sumCandidateCarefully(end, maxCode, inverse0, inverse1, min0, min1);

    const l0 = v128.load(SUMS), l1 = v128.load(SUMS, 16);
    const ll0 = v128.load(SUMS, 32), ll1 = v128.load(SUMS, 48);
    const xl0 = v128.load(SUMS, 64), xl1 = v128.load(SUMS, 80);
    const d0 = f32x4.sub(f32x4.mul(sumW0, ll0), f32x4.mul(l0, l0));
    const d1 = f32x4.sub(f32x4.mul(sumW1, ll1), f32x4.mul(l1, l1));
    let newScale0 = f32x4.div(f32x4.sub(f32x4.mul(sumW0, xl0), f32x4.mul(sumX0, l0)), d0);
    let newScale1 = f32x4.div(f32x4.sub(f32x4.mul(sumW1, xl1), f32x4.mul(sumX1, l1)), d1);
    let newMin0 = f32x4.div(f32x4.sub(f32x4.mul(ll0, sumX0), f32x4.mul(l0, xl0)), d0);
    let newMin1 = f32x4.div(f32x4.sub(f32x4.mul(ll1, sumX1), f32x4.mul(l1, xl1)), d1);
    const isAbove0 = f32x4.gt(newMin0, zero), isAbove1 = f32x4.gt(newMin1, zero);
    newScale0 = v128.bitselect(f32x4.div(xl0, ll0), newScale0, isAbove0);
    newScale1 = v128.bitselect(f32x4.div(xl1, ll1), newScale1, isAbove1);
    newMin0 = v128.andnot(newMin0, isAbove0);
    newMin1 = v128.andnot(newMin1, isAbove1);

    sumErrors(end, isAbsolute, newScale0, newScale1, newMin0, newMin1);
    const error0 = v128.load(SUMS), error1 = v128.load(SUMS, 16);
    const isBetter0 = v128.and(f32x4.gt(d0, zero), f32x4.lt(error0, best0));
    const isBetter1 = v128.and(f32x4.gt(d1, zero), f32x4.lt(error1, best1));
    best0 = v128.bitselect(error0, best0, isBetter0);
    best1 = v128.bitselect(error1, best1, isBetter1);
    scale0 = v128.bitselect(newScale0, scale0, isBetter0);
    scale1 = v128.bitselect(newScale1, scale1, isBetter1);
    bestInverse0 = v128.bitselect(inverse0, bestInverse0, isBetter0);
    bestInverse1 = v128.bitselect(inverse1, bestInverse1, isBetter1);
    base0 = v128.bitselect(min0, base0, isBetter0);
    base1 = v128.bitselect(min1, base1, isBetter1);
    min0 = v128.bitselect(newMin0, min0, isBetter0);
    min1 = v128.bitselect(newMin1, min1, isBetter1);
  }
  // A group of one value keeps scale 0: its lanes computed 1/0 above, and the candidates' sums of codes are 0.
  v128.store(scales, v128.and(scale0, isActive0));
  v128.store(scales, v128.and(scale1, isActive1), 16);
  v128.store(mins, f32x4.neg(min0));
  v128.store(mins, f32x4.neg(min1), 16);
  v128.store(inverses, bestInverse0);
  v128.store(inverses, bestInverse1, 16);
  v128.store(bases, base0);
  v128.store(bases, base1, 16);
}

// @ts-ignore: decorator
@inline
function isTame(inverse: v128, x: v128, min: v128): v128 {
  return f32x4.lt(f32x4.abs(f32x4.mul(inverse, f32x4.sub(x, min))), f32x4.splat(ROUNDING_LIMIT));
}

/** Codes of a candidate into L and their sums into SUMS, when all lanes round without overflow. */
function sumCandidate(end: usize, maxCode: i32, inverse0: v128, inverse1: v128, min0: v128, min1: v128): void {
  const bias = f32x4.splat(BIAS), low = i32x4.splat(BIAS_BITS), high = i32x4.splat(BIAS_BITS + maxCode);
  let l0 = f32x4.splat(0), l1 = l0, ll0 = l0, ll1 = l0, xl0 = l0, xl1 = l0;
  for (let at: usize = 0; at < end; at += 16) {
    const x0 = v128.load(X + at);
    const biased0 = f32x4.add(f32x4.mul(inverse0, f32x4.sub(x0, min0)), bias);
    const code0 = f32x4.sub(i32x4.max_s(i32x4.min_s(biased0, high), low), bias);
    v128.store(L + at, code0);
    const wl0 = f32x4.mul(v128.load(W + at), code0);
    l0 = f32x4.add(l0, wl0);
    ll0 = f32x4.add(ll0, f32x4.mul(wl0, code0));
    xl0 = f32x4.add(xl0, f32x4.mul(wl0, x0));
    const x1 = v128.load(X + at, HALF);
    const biased1 = f32x4.add(f32x4.mul(inverse1, f32x4.sub(x1, min1)), bias);
    const code1 = f32x4.sub(i32x4.max_s(i32x4.min_s(biased1, high), low), bias);
    v128.store(L + at, code1, HALF);
    const wl1 = f32x4.mul(v128.load(W + at, HALF), code1);
    l1 = f32x4.add(l1, wl1);
    ll1 = f32x4.add(ll1, f32x4.mul(wl1, code1));
    xl1 = f32x4.add(xl1, f32x4.mul(wl1, x1));
  }
  storeSums(l0, l1, ll0, ll1, xl0, xl1);
}

/** The same for any lanes: infinities, NaN, and products beyond the rounding limit. */
function sumCandidateCarefully(end: usize, maxCode: i32, inverse0: v128, inverse1: v128, min0: v128, min1: v128): void {
  let l0 = f32x4.splat(0), l1 = l0, ll0 = l0, ll1 = l0, xl0 = l0, xl1 = l0;
  for (let at: usize = 0; at < end; at += 16) {
    const x0 = v128.load(X + at), x1 = v128.load(X + at, HALF);
    const code0 = f32x4.convert_i32x4_s(nearestCode(f32x4.mul(inverse0, f32x4.sub(x0, min0)), 0, maxCode));
    const code1 = f32x4.convert_i32x4_s(nearestCode(f32x4.mul(inverse1, f32x4.sub(x1, min1)), 0, maxCode));
    v128.store(L + at, code0);
    v128.store(L + at, code1, HALF);
    const wl0 = f32x4.mul(v128.load(W + at), code0), wl1 = f32x4.mul(v128.load(W + at, HALF), code1);
    l0 = f32x4.add(l0, wl0);
    l1 = f32x4.add(l1, wl1);
    ll0 = f32x4.add(ll0, f32x4.mul(wl0, code0));
    ll1 = f32x4.add(ll1, f32x4.mul(wl1, code1));
    xl0 = f32x4.add(xl0, f32x4.mul(wl0, x0));
    xl1 = f32x4.add(xl1, f32x4.mul(wl1, x1));
  }
  storeSums(l0, l1, ll0, ll1, xl0, xl1);
}

/** Nearest integer within [low, high], as integers; NaN counts as 0. */
// @ts-ignore: decorator
@inline
export function nearestCode(x: v128, low: i32, high: i32): v128 {
  const nearest = nearestInt(v128.and(x, f32x4.eq(x, x)));
  return i32x4.min_s(i32x4.max_s(nearest, i32x4.splat(low)), i32x4.splat(high));
}

// @ts-ignore: decorator
@inline
function storeSums(l0: v128, l1: v128, ll0: v128, ll1: v128, xl0: v128, xl1: v128): void {
  v128.store(SUMS, l0);
  v128.store(SUMS, l1, 16);
  v128.store(SUMS, ll0, 32);
  v128.store(SUMS, ll1, 48);
  v128.store(SUMS, xl0, 64);
  v128.store(SUMS, xl1, 80);
}

/** Weighted errors of the codes in L, into the first two vectors of SUMS. */
// @ts-ignore: decorator
@inline
function sumErrors(end: usize, isAbsolute: bool, scale0: v128, scale1: v128, min0: v128, min1: v128): void {
  let error0 = f32x4.splat(0), error1 = error0;
  for (let at: usize = 0; at < end; at += 16) {
    const off0 = f32x4.sub(f32x4.add(f32x4.mul(scale0, v128.load(L + at)), min0), v128.load(X + at));
    const off1 = f32x4.sub(f32x4.add(f32x4.mul(scale1, v128.load(L + at, HALF)), min1), v128.load(X + at, HALF));
    const cost0 = isAbsolute ? f32x4.abs(off0) : f32x4.mul(off0, off0);
    const cost1 = isAbsolute ? f32x4.abs(off1) : f32x4.mul(off1, off1);
    error0 = f32x4.add(error0, f32x4.mul(v128.load(W + at), cost0));
    error1 = f32x4.add(error1, f32x4.mul(v128.load(W + at, HALF), cost1));
  }
  v128.store(SUMS, error0);
  v128.store(SUMS, error1, 16);
}
