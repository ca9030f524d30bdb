// Minimum and maximum of 32 weights in memory order, NaN ignored; of several zeros the first one.
import { greatestOfEach, leastOfEach } from "./lanes";

const LARGEST: f32 = 3.4028234663852886e38;

/** Stores four minima and, behind them, four maxima. */
// @ts-ignore: decorator
@inline
export function storeExtents(s0: usize, s1: usize, s2: usize, s3: usize, dst: usize): void {
  const least = leastOfEach(leastLanes(s0), leastLanes(s1), leastLanes(s2), leastLanes(s3));
  const greatest = greatestOfEach(greatestLanes(s0), greatestLanes(s1), greatestLanes(s2), greatestLanes(s3));
  v128.store(dst, least);
  v128.store(dst, greatest, 16);
  // The order decides between 0 and -0, and vector minima do not know it.
  const isZero = f32x4.eq(least, f32x4.splat(0));
  if (v128.any_true(isZero)) {
    if (i32x4.extract_lane(isZero, 0)) storeExtent(s0, dst);
    if (i32x4.extract_lane(isZero, 1)) storeExtent(s1, dst + 4);
    if (i32x4.extract_lane(isZero, 2)) storeExtent(s2, dst + 8);
    if (i32x4.extract_lane(isZero, 3)) storeExtent(s3, dst + 12);
  }
}

function storeExtent(src: usize, dst: usize): void {
  let min = LARGEST, max = -LARGEST;
  for (let j: usize = 0; j < 128; j += 4) {
    const x = load<f32>(src + j);
    if (x < min) min = x;
    if (x > max) max = x;
  }
  store<f32>(dst, min);
  store<f32>(dst, max, 16);
}

// pmin(a, b) is (b < a ? b : a): with the running value first, a NaN is never taken.
// @ts-ignore: decorator
@inline
function leastLanes(src: usize): v128 {
  let a = f32x4.pmin(f32x4.splat(LARGEST), v128.load(src));
  let b = f32x4.pmin(f32x4.splat(LARGEST), v128.load(src, 16));
  a = f32x4.pmin(a, v128.load(src, 32));
  b = f32x4.pmin(b, v128.load(src, 48));
  a = f32x4.pmin(a, v128.load(src, 64));
  b = f32x4.pmin(b, v128.load(src, 80));
  a = f32x4.pmin(a, v128.load(src, 96));
  b = f32x4.pmin(b, v128.load(src, 112));
  return f32x4.pmin(a, b);
}

// @ts-ignore: decorator
@inline
function greatestLanes(src: usize): v128 {
  let a = f32x4.pmax(f32x4.splat(-LARGEST), v128.load(src));
  let b = f32x4.pmax(f32x4.splat(-LARGEST), v128.load(src, 16));
  a = f32x4.pmax(a, v128.load(src, 32));
  b = f32x4.pmax(b, v128.load(src, 48));
  a = f32x4.pmax(a, v128.load(src, 64));
  b = f32x4.pmax(b, v128.load(src, 80));
  a = f32x4.pmax(a, v128.load(src, 96));
  b = f32x4.pmax(b, v128.load(src, 112));
  return f32x4.pmax(a, b);
}
