// Step 2 of the search: twin of ../refine-group.ts, function by function.
import {
  CODES, DIMENSION, ENTRIES, ERROR_WEIGHTS, GROUP_SIZE, LEVEL_COUNT, LEVELS, nearestIntegers, POINTS, ROUGH_THRESHOLDS, SORTED_LEVELS,
  sumFloats, sumIntegers, TABLES, THRESHOLDS, UNITS, word, X,
} from "./prepared-codebook";

const MAX_UNITS: f32 = 16383;
const MAX_DIFFERENCE: i16 = 5791;

/** The group times `scale`, rounded to integers. */
export function toUnits(scratch: usize, groupSize: usize, scale: f32): void {
  const s = f32x4.splat(scale);
  const most = f32x4.splat(MAX_UNITS), least = f32x4.splat(-MAX_UNITS);
  for (let j: usize = 0; j < groupSize; j += 8) {
    const a = f32x4.pmin(most, f32x4.pmax(least, f32x4.mul(v128.load(scratch + (j << 2), X), s)));
    const b = f32x4.pmin(most, f32x4.pmax(least, f32x4.mul(v128.load(scratch + (j << 2), X + 16), s)));
    v128.store(scratch + (j << 1), i16x8.narrow_i32x4_s(nearestIntegers(a), nearestIntegers(b)), UNITS);
  }
}

// Entries of 32 codes, as i16.
// @ts-ignore: decorator
@inline
function lookUpEntries(entries: usize, points: usize, a: v128, b: v128, at: usize): void {
  const low = points == 8 ? v128.load64_zero(entries) : v128.load(entries);
  let e = i8x16.swizzle(low, a), f = i8x16.swizzle(low, b);
  if (points == 32) {
    const high = v128.load(entries, 16), sixteen = i8x16.splat(16);
    e = v128.or(e, i8x16.swizzle(high, i8x16.sub(a, sixteen)));
    f = v128.or(f, i8x16.swizzle(high, i8x16.sub(b, sixteen)));
  }
  v128.store(at, i16x8.extend_low_i8x16_s(e), ENTRIES);
  v128.store(at, i16x8.extend_high_i8x16_s(e), ENTRIES + 16);
  v128.store(at, i16x8.extend_low_i8x16_s(f), ENTRIES + 32);
  v128.store(at, i16x8.extend_high_i8x16_s(f), ENTRIES + 48);
}

/** Entries nearest to weights in whole units. */
export function assignRoughly(prepared: usize, scratch: usize, table: i32): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const points = <usize>word(prepared, POINTS);
  const limits = prepared + <usize>word(prepared, ROUGH_THRESHOLDS) + <usize>table * points;
  const entries = prepared + <usize>word(prepared, TABLES) + <usize>table * points;
  const limitsEnd = limits + points - 1;
  for (let j: usize = 0; j < groupSize; j += 32) {
    const at = scratch + (j << 1);
    const u = i8x16.narrow_i16x8_s(v128.load(at, UNITS), v128.load(at, UNITS + 16));
    const w = i8x16.narrow_i16x8_s(v128.load(at, UNITS + 32), v128.load(at, UNITS + 48));
    let a = i8x16.splat(0), b = a;
    for (let p = limits; p < limitsEnd; p++) {
      const limit = v128.load8_splat(p);
      a = i8x16.sub(a, i8x16.gt_s(u, limit));
      b = i8x16.sub(b, i8x16.gt_s(w, limit));
    }
    lookUpEntries(entries, points, a, b, at);
  }
}

/** Nearest codes of weights in 1/64 units, and their entries. */
export function assignCodes(prepared: usize, scratch: usize, table: i32): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const points = <usize>word(prepared, POINTS);
  if (word(prepared, DIMENSION) == 2) {
    assignPairs(prepared, scratch, table);
    return;
  }
  const limits = prepared + <usize>word(prepared, THRESHOLDS) + ((<usize>table * points) << 1);
  const entries = prepared + <usize>word(prepared, TABLES) + <usize>table * points;
  const limitsEnd = limits + ((points - 1) << 1);
  for (let j: usize = 0; j < groupSize; j += 32) {
    const at = scratch + (j << 1);
    const u0 = v128.load(at, UNITS), u1 = v128.load(at, UNITS + 16), u2 = v128.load(at, UNITS + 32), u3 = v128.load(at, UNITS + 48);
    let c0 = i16x8.splat(0), c1 = c0, c2 = c0, c3 = c0;
    for (let p = limits; p < limitsEnd; p += 2) {
      const limit = v128.load16_splat(p);
      c0 = i16x8.sub(c0, i16x8.gt_s(u0, limit));
      c1 = i16x8.sub(c1, i16x8.gt_s(u1, limit));
      c2 = i16x8.sub(c2, i16x8.gt_s(u2, limit));
      c3 = i16x8.sub(c3, i16x8.gt_s(u3, limit));
    }
    const a = i8x16.narrow_i16x8_s(c0, c1), b = i8x16.narrow_i16x8_s(c2, c3);
    v128.store(scratch + j, a, CODES);
    v128.store(scratch + j, b, CODES + 16);
    lookUpEntries(entries, points, a, b, at);
  }
}

// Nearest points: the largest u.p - |p|^2 / 2. A prepared codebook holds each point as two
// i16, then half its square norm.
function assignPairs(prepared: usize, scratch: usize, table: i32): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const points = word(prepared, POINTS);
  const first = prepared + <usize>word(prepared, THRESHOLDS) + ((<usize>table * <usize>points) << 3);
  const one = i32x4.splat(1);
  for (let j: usize = 0; j < groupSize; j += 16) {
    const at = scratch + (j << 1);
    const u0 = v128.load(at, UNITS), u1 = v128.load(at, UNITS + 16);
    let e0 = v128.load32_splat(first), e1 = e0;
    const norm0 = v128.load32_splat(first, 4);
    let m0 = i32x4.sub(i32x4.dot_i16x8_s(u0, e0), norm0), m1 = i32x4.sub(i32x4.dot_i16x8_s(u1, e0), norm0);
    let c0 = i32x4.splat(0), c1 = c0, q = one;
    for (let p = first + 8, end = first + (<usize>points << 3); p < end; p += 8) {
      const point = v128.load32_splat(p), norm = v128.load32_splat(p, 4);
      const s0 = i32x4.sub(i32x4.dot_i16x8_s(u0, point), norm), s1 = i32x4.sub(i32x4.dot_i16x8_s(u1, point), norm);
      const more0 = i32x4.gt_s(s0, m0), more1 = i32x4.gt_s(s1, m1);
      m0 = i32x4.max_s(m0, s0);
      m1 = i32x4.max_s(m1, s1);
      e0 = v128.bitselect(point, e0, more0);
      e1 = v128.bitselect(point, e1, more1);
      c0 = v128.bitselect(q, c0, more0);
      c1 = v128.bitselect(q, c1, more1);
      q = i32x4.add(q, one);
    }
    const c = i16x8.narrow_i32x4_s(c0, c1);
    v128.store64_lane(scratch + (j >> 1), i8x16.narrow_i16x8_u(c, c), 0, CODES);
    v128.store(at, e0, ENTRIES);
    v128.store(at, e1, ENTRIES + 16);
  }
}

/** sum(u T) / sum(T T), 0 where that is not positive. */
export function leastSquares(scratch: usize, groupSize: usize, isWeighted: bool): f32 {
  let ut: f32, tt: f32;
  if (isWeighted) {
    let a = f32x4.splat(0), b = a;
    for (let j: usize = 0; j < groupSize; j += 4) {
      const u = f32x4.convert_i32x4_s(v128.load16x4_s(scratch + (j << 1), UNITS));
      const t = f32x4.convert_i32x4_s(v128.load16x4_s(scratch + (j << 1), ENTRIES));
      const v = v128.load(scratch + (j << 2), ERROR_WEIGHTS);
      a = f32x4.add(a, f32x4.mul(f32x4.mul(u, t), v));
      b = f32x4.add(b, f32x4.mul(f32x4.mul(t, t), v));
    }
    ut = sumFloats(a);
    tt = sumFloats(b);
  } else {
    let a = i32x4.splat(0), b = a;
    for (let j: usize = 0; j < groupSize; j += 8) {
      const u = v128.load(scratch + (j << 1), UNITS), t = v128.load(scratch + (j << 1), ENTRIES);
      a = i32x4.add(a, i32x4.dot_i16x8_s(u, t));
      b = i32x4.add(b, i32x4.dot_i16x8_s(t, t));
    }
    ut = <f32>sumIntegers(a);
    tt = <f32>sumIntegers(b);
  }
  return tt > 0 && ut > 0 ? ut / tt : 0;
}

/** Squared error of the codes, in squared units of 1/64 entry. */
export function squaredError(scratch: usize, groupSize: usize, isWeighted: bool): f32 {
  const most = i16x8.splat(MAX_DIFFERENCE), least = i16x8.splat(-MAX_DIFFERENCE);
  let a = i32x4.splat(0), f = f32x4.splat(0);
  for (let j: usize = 0; j < groupSize; j += 8) {
    const u = v128.load(scratch + (j << 1), UNITS), t = v128.load(scratch + (j << 1), ENTRIES);
    const d = i16x8.min_s(i16x8.max_s(i16x8.sub(u, i16x8.shl(t, 6)), least), most);
    if (isWeighted) {
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(d)), high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(d));
      f = f32x4.add(f, f32x4.mul(f32x4.mul(low, low), v128.load(scratch + (j << 2), ERROR_WEIGHTS)));
      f = f32x4.add(f, f32x4.mul(f32x4.mul(high, high), v128.load(scratch + (j << 2), ERROR_WEIGHTS + 16)));
    } else {
      a = i32x4.add(a, i32x4.dot_i16x8_s(d, d));
    }
  }
  return isWeighted ? sumFloats(f) : <f32>sumIntegers(a);
}

/** The error of a group of zeros, in the same units where `toUnits` has scaled its largest weight to 64. */
export function squaredUnits(scratch: usize, groupSize: usize, isWeighted: bool): f32 {
  let a = i32x4.splat(0), f = f32x4.splat(0);
  for (let j: usize = 0; j < groupSize; j += 4) {
    const u = v128.load16x4_s(scratch + (j << 1), UNITS);
    const square = i32x4.mul(u, u);
    if (isWeighted) f = f32x4.add(f, f32x4.mul(f32x4.convert_i32x4_s(square), v128.load(scratch + (j << 2), ERROR_WEIGHTS)));
    else a = i32x4.add(a, square);
  }
  return isWeighted ? sumFloats(f) : <f32>sumIntegers(a);
}

// How many of 16 ascending f32 are below `target`.
// @ts-ignore: decorator
@inline
function countBelow(at: usize, target: v128): i32 {
  const a = i32x4.add(f32x4.lt(v128.load(at), target), f32x4.lt(v128.load(at, 16), target));
  const b = i32x4.add(f32x4.lt(v128.load(at, 32), target), f32x4.lt(v128.load(at, 48), target));
  return -sumIntegers(i32x4.add(a, b));
}

/**
 * The nearest level to `target` that is not zero and, where there is one, of the same sign; the lower one on a tie.
 * A prepared codebook holds every sixteenth of 256 levels, then all of them, padded with infinities.
 */
export function nearestLevel(prepared: usize, target: f32): i32 {
  const levels = prepared + <usize>word(prepared, LEVELS);
  const count = word(prepared, LEVEL_COUNT);
  const sorted = prepared + <usize>word(prepared, SORTED_LEVELS);
  const all = f32x4.splat(target);
  const block = countBelow(sorted, all);
  let found = block == 16 ? 256 : (block << 4) + countBelow(sorted + 64 + (<usize>block << 6), all);
  if (found == count) found--;
  if (found > 0) {
    const below = load<f32>(levels + (<usize>(found - 1) << 2)), above = load<f32>(levels + (<usize>found << 2));
    if (target - below <= above - target) found--;
  }
  if (load<f32>(levels + (<usize>found << 2)) == 0) {
    if (target > 0 ? found + 1 < count : found == 0) found = min(found + 1, count - 1);
    else if (found > 0) found--;
  }
  return found;
}
