// Four blocks in four lanes: loading, transposing, reducing.

/** Lane b: the greatest lane of the b-th vector. */
// @ts-ignore: decorator
@inline
export function greatestOfEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.pmax(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.pmax(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.pmax(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** Lane b: the least lane of the b-th vector. */
// @ts-ignore: decorator
@inline
export function leastOfEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.pmin(v128.shuffle<f32>(a, b, 0, 4, 1, 5), v128.shuffle<f32>(a, b, 2, 6, 3, 7));
  const cd = f32x4.pmin(v128.shuffle<f32>(c, d, 0, 4, 1, 5), v128.shuffle<f32>(c, d, 2, 6, 3, 7));
  return f32x4.pmin(v128.shuffle<f32>(ab, cd, 0, 1, 4, 5), v128.shuffle<f32>(ab, cd, 2, 3, 6, 7));
}

/** Lane b: the greatest lane of the b-th vector, as signed integers. */
// @ts-ignore: decorator
@inline
export function greatestIntOfEach(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = i32x4.max_s(v128.shuffle<i32>(a, b, 0, 4, 1, 5), v128.shuffle<i32>(a, b, 2, 6, 3, 7));
  const cd = i32x4.max_s(v128.shuffle<i32>(c, d, 0, 4, 1, 5), v128.shuffle<i32>(c, d, 2, 6, 3, 7));
  return i32x4.max_s(v128.shuffle<i32>(ab, cd, 0, 1, 4, 5), v128.shuffle<i32>(ab, cd, 2, 3, 6, 7));
}

/** Writes `count` floats of four blocks, a multiple of four, as `count` vectors: lane b is block b. */
// @ts-ignore: decorator
@inline
export function transpose(s0: usize, s1: usize, s2: usize, s3: usize, count: i32, dst: usize): void {
  for (let j: usize = 0, end = <usize>count << 2; j < end; j += 16) {
    const a = v128.load(s0 + j), b = v128.load(s1 + j), c = v128.load(s2 + j), d = v128.load(s3 + j);
    const ab = v128.shuffle<f32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<f32>(c, d, 0, 4, 1, 5);
    const ab2 = v128.shuffle<f32>(a, b, 2, 6, 3, 7), cd2 = v128.shuffle<f32>(c, d, 2, 6, 3, 7);
    const at = dst + (j << 2);
    v128.store(at, v128.shuffle<f32>(ab, cd, 0, 1, 4, 5));
    v128.store(at, v128.shuffle<f32>(ab, cd, 2, 3, 6, 7), 16);
    v128.store(at, v128.shuffle<f32>(ab2, cd2, 0, 1, 4, 5), 32);
    v128.store(at, v128.shuffle<f32>(ab2, cd2, 2, 3, 6, 7), 48);
  }
}

/** 1/d where d is not zero, 0 elsewhere. */
// @ts-ignore: decorator
@inline
export function inverseOrZero(d: v128): v128 {
  return v128.and(f32x4.div(f32x4.splat(1), d), f32x4.ne(d, f32x4.splat(0)));
}

/**
 * `inverseOrZero`, but NaN where the inverse overflows. There C's conversions to integer give 0 for all weights of the
 * block, be they infinite or NaN after scaling; NaN makes that the one case to care for.
 */
// @ts-ignore: decorator
@inline
export function inverseOrNaN(d: v128): v128 {
  const inverse = inverseOrZero(d);
  return v128.or(inverse, f32x4.eq(f32x4.abs(inverse), f32x4.splat(Infinity)));
}

/** Stores the low half of each lane at its own address. */
// @ts-ignore: decorator
@inline
export function storeHalves(bits: v128, d0: usize, d1: usize, d2: usize, d3: usize): void {
  v128.store16_lane(d0, bits, 0);
  v128.store16_lane(d1, bits, 2);
  v128.store16_lane(d2, bits, 4);
  v128.store16_lane(d3, bits, 6);
}

/**
 * Nearest integer, ties to even, of lanes below 2^22 in magnitude. Beyond: the low 23 bits of the biased sum, as the
 * reference has it; infinities give -2^22 and NaN 0.
 */
// @ts-ignore: decorator
@inline
export function nearestInt(x: v128): v128 {
  const biased = v128.and(f32x4.add(x, f32x4.splat(12582912)), i32x4.splat(0x007fffff));
  return i32x4.sub(biased, i32x4.splat(0x00400000));
}
