// Scales of positive numbers, four problems at once, one to a lane: twin of searchPositiveScale in ../k-positive.ts.
// The problems are the scales and the minima of two super-blocks, which share their error weights.
import { nearestInt } from "../../simd/lanes";

/** Up to sixteen vectors each: the numbers, the weights of their errors, and the codes found, as integers. */
export const NUMBERS: usize = memory.data(256, 16);
export const NUMBER_ERROR_WEIGHTS: usize = memory.data(256, 16);
export const NUMBER_CODES: usize = memory.data(256, 16);

const SMALLEST_GROUP: f32 = 1e-15;

/** Searches `count` numbers per lane for codes up to `maxCode`; returns the scales. */
export function searchPositiveScales(count: i32, maxCode: i32): v128 {
  const end = <usize>count << 4;
  const zero = f32x4.splat(0);
  let max = zero;
  // pmax(a, b) is (a < b ? b : a): a NaN is forgotten by the next number.
  for (let at: usize = 0; at < end; at += 16) max = f32x4.pmax(v128.load(NUMBERS + at), max);
  const isActive = v128.not(f32x4.lt(max, f32x4.splat(SMALLEST_GROUP)));

  let inverse = f32x4.div(f32x4.splat(<f32>maxCode), max), best = zero;
  for (let step = -5; step <= 4; step++) {
    if (step == 0) continue;
    const isFirst = step == -5;
    const candidate = isFirst ? inverse : f32x4.div(f32x4.splat(<f32>0.1 * <f32>step + <f32>maxCode), max);
    const scale = f32x4.div(f32x4.splat(1), candidate);
    let error = zero;
    for (let at: usize = 0; at < end; at += 16) {
      const x = v128.load(NUMBERS + at);
      const nearest = nearestNumber(f32x4.mul(candidate, x));
      const code = isFirst ? v128.and(nearest, i32x4.splat(0xff)) : i32x4.min_s(nearest, i32x4.splat(maxCode));
      const off = f32x4.sub(x, f32x4.mul(scale, f32x4.convert_i32x4_s(code)));
      error = f32x4.add(error, f32x4.mul(f32x4.mul(v128.load(NUMBER_ERROR_WEIGHTS + at), off), off));
    }
    const isBetter = isFirst ? i32x4.splat(-1) : f32x4.lt(error, best);
    best = v128.bitselect(error, best, isBetter);
    inverse = v128.bitselect(candidate, inverse, isBetter);
  }

  let sumLX = zero, sumL2 = zero;
  for (let at: usize = 0; at < end; at += 16) {
    const x = v128.load(NUMBERS + at), w = v128.load(NUMBER_ERROR_WEIGHTS + at);
    const code = i32x4.min_s(nearestNumber(f32x4.mul(inverse, x)), i32x4.splat(maxCode));
    v128.store(NUMBER_CODES + at, v128.and(code, i32x4.splat(0xff)));
    const l = f32x4.convert_i32x4_s(code);
    sumLX = f32x4.add(sumLX, f32x4.mul(f32x4.mul(w, x), l));
    sumL2 = f32x4.add(sumL2, f32x4.mul(f32x4.mul(w, l), l));
  }
  for (let round = 0; round < 5; round++) {
    // A lane without a change in one round has none in the next: it may go on with the others.
    let isChanged = i32x4.splat(0);
    for (let at: usize = 0; at < end; at += 16) {
      const x = v128.load(NUMBERS + at), w = v128.load(NUMBER_ERROR_WEIGHTS + at);
      const code = v128.load(NUMBER_CODES + at), l = f32x4.convert_i32x4_s(code);
      const wx = f32x4.mul(w, x);
      const restLX = f32x4.sub(sumLX, f32x4.mul(wx, l)), restL2 = f32x4.sub(sumL2, f32x4.mul(f32x4.mul(w, l), l));
      const nearest = nearestNumber(f32x4.div(f32x4.mul(x, restL2), restLX));
      const newCode = i32x4.min_s(nearest, i32x4.splat(maxCode)), newL = f32x4.convert_i32x4_s(newCode);
      const newLX = f32x4.add(restLX, f32x4.mul(wx, newL));
      const newL2 = f32x4.add(restL2, f32x4.mul(f32x4.mul(w, newL), newL));
      const gain = f32x4.mul(f32x4.mul(newLX, newLX), sumL2), loss = f32x4.mul(f32x4.mul(sumLX, sumLX), newL2);
      const isPossible = v128.and(f32x4.gt(restLX, zero), f32x4.gt(restL2, zero));
      const isBetter = v128.and(v128.and(isPossible, i32x4.ne(newCode, code)), f32x4.gt(gain, loss));
      v128.store(NUMBER_CODES + at, v128.bitselect(v128.and(newCode, i32x4.splat(0xff)), code, isBetter));
      sumLX = v128.bitselect(newLX, sumLX, isBetter);
      sumL2 = v128.bitselect(newL2, sumL2, isBetter);
      isChanged = v128.or(isChanged, isBetter);
    }
    if (!v128.any_true(isChanged)) break;
  }
  for (let at: usize = 0; at < end; at += 16) {
    v128.store(NUMBER_CODES + at, v128.and(v128.load(NUMBER_CODES + at), isActive));
  }
  return v128.and(v128.and(f32x4.div(sumLX, sumL2), f32x4.gt(sumL2, zero)), isActive);
}

// @ts-ignore: decorator
@inline
function nearestNumber(x: v128): v128 {
  return nearestInt(v128.and(x, f32x4.eq(x, x)));
}
