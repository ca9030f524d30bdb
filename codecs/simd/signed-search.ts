// Least squares for signed codes, four blocks in four lanes: twin of searchSymmetric in ../x-search.ts.
import { nearestInt } from "./lanes";

/** Vectors of one group of four blocks, at most 32 of each: weights, their importance, the codes found. */
export const WEIGHTS: usize = memory.data(512, 16);
export const IMPORTANCE: usize = memory.data(512, 16);
export const CODES: usize = memory.data(512, 16);
/** One vector: the scales found. */
export const SCALES: usize = memory.data(16, 16);

/** Turns the columns' importance, already in IMPORTANCE, into importance * sqrt(mean + x * x). */
export function scaleImportance(count: i32, mean: f32): void {
  const sigma2 = f32x4.splat(mean);
  for (let at: usize = 0, end = <usize>count << 4; at < end; at += 16) {
    const x = v128.load(WEIGHTS + at);
    const root = f32x4.sqrt(f32x4.add(sigma2, f32x4.mul(x, x)));
    v128.store(IMPORTANCE + at, f32x4.mul(v128.load(IMPORTANCE + at), root));
  }
}

/** Sum of squares in order, of `count` floats. */
export function sumOfSquares(src: usize, count: i32): f32 {
  let sum: f32 = 0;
  for (const end = src + (<usize>count << 2); src < end; src += 4) {
    const x = load<f32>(src);
    sum += x * x;
  }
  return sum;
}

/** Searches `count` weights of each lane for codes in [-n, n-1]; leaves code + n in CODES and d in SCALES. */
export function searchSignedScales(count: i32, n: i32): void {
  const end = <usize>count << 4;
  const low = i32x4.splat(-n), high = i32x4.splat(n - 1);
  let largest = f32x4.splat(0), extreme = f32x4.splat(0);
  for (let at: usize = 0; at < end; at += 16) {
    const x = v128.load(WEIGHTS + at);
    const magnitude = f32x4.abs(x);
    const isLarger = f32x4.gt(magnitude, largest);
    largest = v128.bitselect(magnitude, largest, isLarger);
    extreme = v128.bitselect(x, extreme, isLarger);
  }
  let scale = f32x4.splat(0), best = f32x4.splat(0), bestInverse = f32x4.splat(0);
  for (let attempt = 0; attempt <= 18; attempt++) {
    const t = attempt == 0 ? 0 : attempt <= 9 ? attempt - 10 : attempt - 9;
    const inverse = f32x4.div(f32x4.splat(-(<f32>n + <f32>0.1 * <f32>t)), extreme);
    let sumXL = f32x4.splat(0), sumLL = f32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) {
      const x = v128.load(WEIGHTS + at), w = v128.load(IMPORTANCE + at);
      const l = f32x4.convert_i32x4_s(i32x4.max_s(low, i32x4.min_s(high, nearestInt(f32x4.mul(inverse, x)))));
      sumXL = f32x4.add(sumXL, f32x4.mul(f32x4.mul(w, x), l));
      sumLL = f32x4.add(sumLL, f32x4.mul(f32x4.mul(w, l), l));
    }
    const isBetter = v128.and(
      f32x4.gt(sumLL, f32x4.splat(0)),
      f32x4.gt(f32x4.mul(sumXL, sumXL), f32x4.mul(best, sumLL)),
    );
    const isTaken = attempt == 0 ? i32x4.splat(-1) : isBetter;
    const newScale = v128.and(f32x4.div(sumXL, sumLL), f32x4.ne(sumLL, f32x4.splat(0)));
    scale = v128.bitselect(newScale, scale, isTaken);
    best = v128.bitselect(f32x4.mul(newScale, sumXL), best, isTaken);
    bestInverse = v128.bitselect(inverse, bestInverse, isTaken);
  }
  const isBlock = v128.not(f32x4.lt(largest, f32x4.splat(1e-15)));
  for (let at: usize = 0; at < end; at += 16) {
    const l = nearestInt(f32x4.mul(bestInverse, v128.load(WEIGHTS + at)));
    const code = i32x4.add(i32x4.max_s(low, i32x4.min_s(high, l)), i32x4.splat(n));
    v128.store(CODES + at, v128.and(code, isBlock));
  }
  v128.store(SCALES, v128.and(scale, isBlock));
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
