// Scales for the 16 fixed levels of iq4_nl and iq4_xs, four blocks of 32 in four lanes: twin of ../iq4-search.ts.
//
// The nearest level of x follows from t = floor(2 x), because all middles between levels are multiples of one half.
// t + 232, limited to [0, 434], is cut into bins of 16 that hold at most one middle each: two byte lookups give the
// number of middles below the bin and the place of the one inside. Four vectors of 32-bit lanes share the lookups.
import { transpose } from "../../simd/lanes";
import { joinNibbles } from "../../k-quants/simd/sixteen";

/** Vectors of four blocks: the weights, and the weights of their errors; sums of a candidate. */
const X: usize = memory.data(512, 16);
const ERROR_WEIGHTS: usize = memory.data(512, 16);
const SUMS: usize = memory.data(32, 16);
/** Codes as bytes: element j of the four blocks in bytes 4j to 4j + 3. */
const CODES: usize = memory.data(128, 16);

/** Loads four blocks at byte distances n1, n2, n3. */
// @ts-ignore: decorator
@inline
export function loadBlocks(src: usize, n1: usize, n2: usize, n3: usize): void {
  transpose(src, src + n1, src + n2, src + n3, 32, X);
}

/** Error weights without importance: x * x. */
export function weighBySquares(): void {
  for (let at: usize = 0; at < 512; at += 16) {
    const x = v128.load(X + at);
    v128.store(ERROR_WEIGHTS + at, f32x4.mul(x, x));
  }
}

/** Error weights: importance of the columns times sqrt(spread + x * x); `spread` four lanes in memory. */
export function weighByImportance(importance: usize, n1: usize, n2: usize, n3: usize, spread: usize): void {
  transpose(importance, importance + n1, importance + n2, importance + n3, 32, ERROR_WEIGHTS);
  const mean = v128.load(spread);
  for (let at: usize = 0; at < 512; at += 16) {
    const x = v128.load(X + at);
    const root = f32x4.sqrt(f32x4.add(mean, f32x4.mul(x, x)));
    v128.store(ERROR_WEIGHTS + at, f32x4.mul(v128.load(ERROR_WEIGHTS + at), root));
  }
}

/** Stores twice the mean square of each lane's block. */
export function storeSpread(spread: usize): void {
  let sum = f32x4.splat(0);
  for (let at: usize = 0; at < 512; at += 16) {
    const x = v128.load(X + at);
    sum = f32x4.add(sum, f32x4.mul(x, x));
  }
  v128.store(spread, f32x4.mul(sum, f32x4.splat(0.0625)));
}

/** Searches the scale of each lane and stores the four of them. */
export function searchLevelScales(scales: usize): void {
  let largest = f32x4.splat(0), extreme = largest;
  for (let at: usize = 0; at < 512; at += 16) {
    const x = v128.load(X + at);
    const magnitude = f32x4.abs(x);
    const isLarger = f32x4.gt(magnitude, largest);
    largest = v128.bitselect(magnitude, largest, isLarger);
    extreme = v128.bitselect(x, extreme, isLarger);
  }
  const one = f32x4.splat(1);
  sumCandidate(f32x4.div(one, f32x4.div(f32x4.neg(extreme), f32x4.splat(-127))));
  let sumKX = v128.load(SUMS), sumKK = v128.load(SUMS, 16);
  const isPositive = f32x4.gt(sumKK, f32x4.splat(0));
  let scale = v128.and(f32x4.div(sumKX, sumKK), isPositive);
  let best = f32x4.mul(scale, sumKX);
  for (let t = -7; t <= 7; t++) {
    sumCandidate(f32x4.div(f32x4.splat(<f32>(t - 127)), extreme));
    sumKX = v128.load(SUMS);
    sumKK = v128.load(SUMS, 16);
    const isBetter = v128.and(
      f32x4.gt(sumKK, f32x4.splat(0)),
      f32x4.gt(f32x4.mul(sumKX, sumKX), f32x4.mul(best, sumKK)),
    );
    const newScale = f32x4.div(sumKX, sumKK);
    scale = v128.bitselect(newScale, scale, isBetter);
    best = v128.bitselect(f32x4.mul(newScale, sumKX), best, isBetter);
  }
  v128.store(scales, v128.andnot(scale, f32x4.lt(largest, f32x4.splat(1e-15))));
}

/** Sums of w k x and w k k for the levels k nearest to inverse * x. */
function sumCandidate(inverse: v128): void {
  // Doubling is exact here: blocks that are not taken for zeros have |inverse| below 2^60.
  const doubled = f32x4.add(inverse, inverse);
  let sumKX = f32x4.splat(0), sumKK = sumKX;
  for (let at: usize = 0; at < 512; at += 64) {
    const x0 = v128.load(X + at), x1 = v128.load(X + at, 16);
    const x2 = v128.load(X + at, 32), x3 = v128.load(X + at, 48);
    const indices = nearestLevels(
      f32x4.mul(doubled, x0), f32x4.mul(doubled, x1), f32x4.mul(doubled, x2), f32x4.mul(doubled, x3),
    );
    const levels = levelsOf(indices);
    const low = i16x8.extend_low_i8x16_s(levels), high = i16x8.extend_high_i8x16_s(levels);
    const k0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(low));
    const k1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(low));
    const k2 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(high));
    const k3 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(high));
    const wk0 = f32x4.mul(v128.load(ERROR_WEIGHTS + at), k0), wk1 = f32x4.mul(v128.load(ERROR_WEIGHTS + at, 16), k1);
    const wk2 = f32x4.mul(v128.load(ERROR_WEIGHTS + at, 32), k2), wk3 = f32x4.mul(v128.load(ERROR_WEIGHTS + at, 48), k3);
    sumKX = f32x4.add(f32x4.add(sumKX, f32x4.mul(wk0, x0)), f32x4.mul(wk1, x1));
    sumKX = f32x4.add(f32x4.add(sumKX, f32x4.mul(wk2, x2)), f32x4.mul(wk3, x3));
    sumKK = f32x4.add(f32x4.add(sumKK, f32x4.mul(wk0, k0)), f32x4.mul(wk1, k1));
    sumKK = f32x4.add(f32x4.add(sumKK, f32x4.mul(wk2, k2)), f32x4.mul(wk3, k3));
  }
  v128.store(SUMS, sumKX);
  v128.store(SUMS, sumKK, 16);
}

/** Index of the level nearest to half of each lane, as bytes; NaN to 15. */
// @ts-ignore: decorator
@inline
function nearestLevels(x0: v128, x1: v128, x2: v128, x3: v128): v128 {
  const a = i16x8.narrow_i32x4_s(halves(x0), halves(x1)), b = i16x8.narrow_i32x4_s(halves(x2), halves(x3));
  const bins = i8x16.narrow_i16x8_u(i16x8.shr_u(a, 4), i16x8.shr_u(b, 4));
  const places = i8x16.narrow_i16x8_u(v128.and(a, i16x8.splat(15)), v128.and(b, i16x8.splat(15)));
  const upper = i8x16.sub(bins, i8x16.splat(16));
  // Lookups beyond 15 give 0, so one of the two halves of each table answers.
  const below = v128.or(
    i8x16.swizzle(i8x16(0, 1, 1, 2, 2, 2, 3, 3, 4, 4, 5, 6, 6, 7, 8, 8), bins),
    i8x16.swizzle(i8x16(9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 14, 15, 15, 15, 15), upper),
  );
  const middles = v128.or(
    i8x16.swizzle(i8x16(1, 16, 13, 16, 16, 4, 16, 6, 16, 4, 15, 16, 8, 15, 16, 6), bins),
    i8x16.swizzle(i8x16(14, 16, 7, 16, 3, 16, 2, 16, 6, 16, 16, 2, 16, 16, 16, 16), upper),
  );
  return i8x16.sub(below, i8x16.ge_s(places, middles));
}

/** floor(x) + 232 within [0, 434]; NaN to 434. */
// @ts-ignore: decorator
@inline
function halves(x: v128): v128 {
  const limited = f32x4.pmax(f32x4.splat(-232), f32x4.pmin(f32x4.splat(202), x));
  // In 2^23 + k the integer k lies in the lowest bits.
  return v128.and(f32x4.add(f32x4.floor(limited), f32x4.splat(8388608 + 232)), i32x4.splat(0x1ff));
}

/** The levels of sixteen indices. */
// @ts-ignore: decorator
@inline
export function levelsOf(indices: v128): v128 {
  return i8x16.swizzle(
    i8x16(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113), indices,
  );
}

/** Chooses the levels nearest to inverse * x and stores them as nibbles, sixteen bytes for each block. */
export function storeLevels(inverses: usize, d0: usize, d1: usize, d2: usize, d3: usize): void {
  const inverse = v128.load(inverses);
  for (let at: usize = 0; at < 512; at += 64) {
    const x0 = f32x4.mul(inverse, v128.load(X + at)), x1 = f32x4.mul(inverse, v128.load(X + at, 16));
    const x2 = f32x4.mul(inverse, v128.load(X + at, 32)), x3 = f32x4.mul(inverse, v128.load(X + at, 48));
    const indices = nearestLevels(f32x4.add(x0, x0), f32x4.add(x1, x1), f32x4.add(x2, x2), f32x4.add(x3, x3));
    v128.store(CODES + (at >> 2), indices);
  }
  for (let j: usize = 0; j < 16; j += 4) {
    const pairs = joinNibbles(v128.load(CODES + (j << 2)), v128.load(CODES + (j << 2), 64));
    const each = i8x16.shuffle(pairs, pairs, 0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    v128.store32_lane(d0 + j, each, 0);
    v128.store32_lane(d1 + j, each, 1);
    v128.store32_lane(d2 + j, each, 2);
    v128.store32_lane(d3 + j, each, 3);
  }
}
