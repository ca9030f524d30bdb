// The weight of largest magnitude, with its sign, of 32 in memory order; the first of equals, NaN ignored.
import { greatestOfEach, leastOfEach } from "./lanes";

/** Lane b: the extreme weight of block b. */
// @ts-ignore: decorator
@inline
export function extremes(s0: usize, s1: usize, s2: usize, s3: usize): v128 {
  const greatest = greatestOfEach(greatestLanes(s0), greatestLanes(s1), greatestLanes(s2), greatestLanes(s3));
  const least = leastOfEach(leastLanes(s0), leastLanes(s1), leastLanes(s2), leastLanes(s3));
  const negated = f32x4.neg(least);
  let extreme = v128.bitselect(greatest, least, f32x4.gt(greatest, negated));
  // +x and -x in one block (or only zeros): the order decides, which min and max do not know.
  const isTie = f32x4.eq(greatest, negated);
  if (v128.any_true(isTie)) {
    if (i32x4.extract_lane(isTie, 0)) extreme = f32x4.replace_lane(extreme, 0, firstExtreme(s0));
    if (i32x4.extract_lane(isTie, 1)) extreme = f32x4.replace_lane(extreme, 1, firstExtreme(s1));
    if (i32x4.extract_lane(isTie, 2)) extreme = f32x4.replace_lane(extreme, 2, firstExtreme(s2));
    if (i32x4.extract_lane(isTie, 3)) extreme = f32x4.replace_lane(extreme, 3, firstExtreme(s3));
  }
  return extreme;
}

// pmax(a, b) is (a < b ? b : a): with the running value first, a NaN is never taken.
// @ts-ignore: decorator
@inline
function greatestLanes(src: usize): v128 {
  let a = f32x4.pmax(f32x4.splat(0), v128.load(src));
  let b = f32x4.pmax(f32x4.splat(0), v128.load(src, 16));
  a = f32x4.pmax(a, v128.load(src, 32));
  b = f32x4.pmax(b, v128.load(src, 48));
  a = f32x4.pmax(a, v128.load(src, 64));
  b = f32x4.pmax(b, v128.load(src, 80));
  a = f32x4.pmax(a, v128.load(src, 96));
  b = f32x4.pmax(b, v128.load(src, 112));
  return f32x4.pmax(a, b);
}

// @ts-ignore: decorator
@inline
function leastLanes(src: usize): v128 {
  let a = f32x4.pmin(f32x4.splat(0), v128.load(src));
  let b = f32x4.pmin(f32x4.splat(0), v128.load(src, 16));
  a = f32x4.pmin(a, v128.load(src, 32));
  b = f32x4.pmin(b, v128.load(src, 48));
  a = f32x4.pmin(a, v128.load(src, 64));
  b = f32x4.pmin(b, v128.load(src, 80));
  a = f32x4.pmin(a, v128.load(src, 96));
  b = f32x4.pmin(b, v128.load(src, 112));
  return f32x4.pmin(a, b);
}

function firstExtreme(src: usize): f32 {
  let largest: f32 = 0, extreme: f32 = 0;
  for (let j: usize = 0; j < 128; j += 4) {
    const x = load<f32>(src + j);
    if (largest < abs<f32>(x)) {
      largest = abs<f32>(x);
      extreme = x;
    }
  }
  return extreme;
}
