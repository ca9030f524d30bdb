// Least squares for signed codes, four blocks in four lanes: twin of searchSignedScale in ../k-search.ts.
import { nearestInt, transpose } from "./lanes";

/**
 * Vectors of one group of four blocks, at most 32 of each: the weights, the weights of their errors, the codes found.
 */
export const X: usize = memory.data(512, 16);
export const ERROR_WEIGHTS: usize = memory.data(512, 16);
export const CODES: usize = memory.data(512, 16);
/** One vector: the scales found. */
export const SCALES: usize = memory.data(16, 16);
const SUMS: usize = memory.data(64, 16);

/** Sum of squares in order, of `count` floats. */
export function sumOfSquares(src: usize, count: i32): f32 {
  let sum: f32 = 0;
  for (const end = src + (<usize>count << 2); src < end; src += 4) {
    const x = load<f32>(src);
    sum += x * x;
  }
  return sum;
}

/**
 * Loads four blocks of 32, the other three at byte offsets n1, n2, n3, with the importance of their columns, and
 * searches them with the errors weighted by importance * sqrt(meanSquare + x * x).
 */
export function searchRowGroup(
  src: usize, importance: usize, n1: usize, n2: usize, n3: usize, meanSquare: f32, range: i32,
): void {
  transpose(src, src + n1, src + n2, src + n3, 32, X);
  transpose(importance, importance + n1, importance + n2, importance + n3, 32, ERROR_WEIGHTS);
  const mean = f32x4.splat(meanSquare);
  for (let at: usize = 0; at < 512; at += 16) {
    const x = v128.load(X + at);
    const root = f32x4.sqrt(f32x4.add(mean, f32x4.mul(x, x)));
    v128.store(ERROR_WEIGHTS + at, f32x4.mul(v128.load(ERROR_WEIGHTS + at), root));
  }
  searchSignedScales(32, range);
}

/**
 * Searches `count` weights of each lane for codes in [-range, range - 1]; leaves code + range in CODES and d in SCALES.
 */
export function searchSignedScales(count: i32, range: i32): void {
  const end = <usize>count << 4;
  const low = i32x4.splat(-range), high = i32x4.splat(range - 1);
  let largest = f32x4.splat(0), extreme = f32x4.splat(0), most = i32x4.splat(0);
  for (let at: usize = 0; at < end; at += 16) {
    const x = v128.load(X + at);
    const magnitude = f32x4.abs(x);
    const isLarger = f32x4.gt(magnitude, largest);
    largest = v128.bitselect(magnitude, largest, isLarger);
    extreme = v128.bitselect(x, extreme, isLarger);
    most = i32x4.max_s(most, magnitude);
  }
  // Finite weights never leave the range where rounding by bias works; a NaN or an infinity takes the careful way.
  const allFinite = !v128.any_true(i32x4.ge_s(most, i32x4.splat(0x7f800000)));
  let scale = f32x4.splat(0), best = f32x4.splat(0), bestInverse = f32x4.splat(0);
  // The start, then t = -9 ... -1, 1 ... 9, two by two: they share the loads and hide each other's latency.
  for (let step = -10; step <= 9; step += 2) {
    const t0 = step == -10 ? 0 : step, t1 = step + 1;
    const inverse0 = f32x4.div(f32x4.splat(-(<f32>range + <f32>0.1 * <f32>t0)), extreme);
    const inverse1 = f32x4.div(f32x4.splat(-(<f32>range + <f32>0.1 * <f32>t1)), extreme);
    if (allFinite) sumFinite(end, inverse0, inverse1, range);
    else sumCarefully(end, inverse0, inverse1, range);
    for (let which: usize = 0; which < 32; which += 16) {
      // t = 0 had its turn as the start.
      if (which == 0 && step == 0) continue;
      const inverse = which == 0 ? inverse0 : inverse1;
      const sumXL = v128.load(SUMS + which), sumLL = v128.load(SUMS + which, 32);
      const isBetter = v128.and(
        f32x4.gt(sumLL, f32x4.splat(0)),
        f32x4.gt(f32x4.mul(sumXL, sumXL), f32x4.mul(best, sumLL)),
      );
      const isTaken = step == -10 && which == 0 ? i32x4.splat(-1) : isBetter;
      const newScale = v128.and(f32x4.div(sumXL, sumLL), f32x4.ne(sumLL, f32x4.splat(0)));
      scale = v128.bitselect(newScale, scale, isTaken);
      best = v128.bitselect(f32x4.mul(newScale, sumXL), best, isTaken);
      bestInverse = v128.bitselect(inverse, bestInverse, isTaken);
    }
  }
  const isBlock = v128.not(f32x4.lt(largest, f32x4.splat(1e-15)));
  for (let at: usize = 0; at < end; at += 16) {
    const l = nearestInt(f32x4.mul(bestInverse, v128.load(X + at)));
    const code = i32x4.add(i32x4.max_s(low, i32x4.min_s(high, l)), i32x4.splat(range));
    v128.store(CODES + at, v128.and(code, isBlock));
  }
  v128.store(SCALES, v128.and(scale, isBlock));
}

/**
 * Sums of w x l of two candidates, then of w l l, into SUMS. Codes are limited as integers while they still carry the
 * rounding bias, whose bits grow by one per integer.
 */
function sumFinite(end: usize, inverse0: v128, inverse1: v128, range: i32): void {
  const bias = f32x4.splat(12582912), low = i32x4.splat(0x4b400000 - range), high = i32x4.splat(0x4b400000 + range - 1);
  let sumXL0 = f32x4.splat(0), sumXL1 = sumXL0, sumLL0 = sumXL0, sumLL1 = sumXL0;
  for (let at: usize = 0; at < end; at += 16) {
    const x = v128.load(X + at), w = v128.load(ERROR_WEIGHTS + at);
    const wx = f32x4.mul(w, x);
    const l0 = f32x4.sub(i32x4.max_s(low, i32x4.min_s(high, f32x4.add(f32x4.mul(inverse0, x), bias))), bias);
    const l1 = f32x4.sub(i32x4.max_s(low, i32x4.min_s(high, f32x4.add(f32x4.mul(inverse1, x), bias))), bias);
    sumXL0 = f32x4.add(sumXL0, f32x4.mul(wx, l0));
    sumXL1 = f32x4.add(sumXL1, f32x4.mul(wx, l1));
    sumLL0 = f32x4.add(sumLL0, f32x4.mul(f32x4.mul(w, l0), l0));
    sumLL1 = f32x4.add(sumLL1, f32x4.mul(f32x4.mul(w, l1), l1));
  }
  v128.store(SUMS, sumXL0);
  v128.store(SUMS, sumXL1, 16);
  v128.store(SUMS, sumLL0, 32);
  v128.store(SUMS, sumLL1, 48);
}

/** The same for any weights: infinities and NaN. */
function sumCarefully(end: usize, inverse0: v128, inverse1: v128, range: i32): void {
  const low = i32x4.splat(-range), high = i32x4.splat(range - 1);
  for (let which: usize = 0; which < 32; which += 16) {
    const inverse = which == 0 ? inverse0 : inverse1;
    let sumXL = f32x4.splat(0), sumLL = f32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) {
      const x = v128.load(X + at), w = v128.load(ERROR_WEIGHTS + at);
      const l = f32x4.convert_i32x4_s(i32x4.max_s(low, i32x4.min_s(high, nearestInt(f32x4.mul(inverse, x)))));
      sumXL = f32x4.add(sumXL, f32x4.mul(f32x4.mul(w, x), l));
      sumLL = f32x4.add(sumLL, f32x4.mul(f32x4.mul(w, l), l));
    }
    v128.store(SUMS + which, sumXL);
    v128.store(SUMS + which, sumLL, 32);
  }
}

/** Packs 32 codes per lane as nibbles: byte j has the low bits of code j low and of code j + 16 high. */
export function storeNibbles(d0: usize, d1: usize, d2: usize, d3: usize): void {
  const mask = i32x4.splat(15);
  for (let j: usize = 0; j < 16; j += 4) {
    let word = i32x4.splat(0);
    for (let k: usize = 0; k < 4; k++) {
      const low = v128.and(v128.load(CODES + ((j + k) << 4)), mask);
      const high = v128.and(v128.load(CODES + ((j + k + 16) << 4)), mask);
      word = v128.or(word, i32x4.shl(v128.or(low, i32x4.shl(high, 4)), <i32>(k << 3)));
    }
    v128.store32_lane(d0 + j, word, 0);
    v128.store32_lane(d1 + j, word, 1);
    v128.store32_lane(d2 + j, word, 2);
    v128.store32_lane(d3 + j, word, 3);
  }
}

/** Packs bit 4 of 32 codes per lane into a 32-bit word, code j in bit j. */
export function storeFifthBits(d0: usize, d1: usize, d2: usize, d3: usize): void {
  let word = i32x4.splat(0);
  for (let j = 31; j >= 0; j--) {
    const bit = v128.and(i32x4.shr_u(v128.load(CODES + (<usize>j << 4)), 4), i32x4.splat(1));
    word = v128.or(i32x4.shl(word, 1), bit);
  }
  v128.store32_lane(d0, word, 0);
  v128.store32_lane(d1, word, 1);
  v128.store32_lane(d2, word, 2);
  v128.store32_lane(d3, word, 3);
}
