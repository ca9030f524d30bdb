// The signed scale of sixteen scales, q3_K with importance: one problem, its candidates in lanes; twin of
// searchSignedScale in ../k-search.ts.
import { nearestIntOf } from "./k-blocks";

/** Sums of the 18 candidates (20 lanes), and their inverse scales. */
const SUM_LX: usize = memory.data(80, 16);
const SUM_L2: usize = memory.data(80, 16);
const INVERSES: usize = memory.data(80, 16);

const BIAS: f32 = 12582912;
const BIAS_BITS: i32 = 0x4b400000;
const SMALLEST_GROUP: f32 = 1e-15;

/**
 * Searches sixteen numbers for codes in [0, 2 * range - 1].
 * @param xs the numbers @param errorWeights their error weights @param codes receives sixteen bytes
 * @returns the scale
 */
export function searchSignedScaleOfSixteen(xs: usize, errorWeights: usize, range: i32, codes: usize): f32 {
  let largest: f32 = 0, extreme: f32 = 0;
  for (let at: usize = 0; at < 64; at += 4) {
    const x = load<f32>(xs + at);
    if (abs(x) > largest) {
      largest = abs(x);
      extreme = x;
    }
  }
  if (largest < SMALLEST_GROUP) {
    v128.store(codes, i32x4.splat(0));
    return 0;
  }
  let inverse: f32 = <f32>-range / extreme;
  let sumLX: f32 = 0, sumL2: f32 = 0;
  for (let at: usize = 0; at < 64; at += 4) {
    const x = load<f32>(xs + at), w = load<f32>(errorWeights + at), l = <f32>nearestLevel(inverse * x, range);
    sumLX += w * x * l;
    sumL2 += w * l * l;
  }
  let scale: f32 = sumL2 != 0 ? sumLX / sumL2 : 0, best: f32 = scale * sumLX;

  for (let i = 0; i < 20; i++) {
    const tenths = i < 9 ? i - 9 : i - 8;
    store<f32>(INVERSES + (<usize>i << 2), -(<f32>range + <f32>0.1 * <f32>tenths) / extreme);
  }
  for (let set: usize = 0; set < 80; set += 16) sumFour(xs, errorWeights, range, set);
  for (let at: usize = 0; at < 72; at += 4) {
    const lx = load<f32>(SUM_LX + at), l2 = load<f32>(SUM_L2 + at);
    if (l2 > 0 && lx * lx > best * l2) {
      inverse = load<f32>(INVERSES + at);
      scale = lx / l2;
      best = scale * lx;
    }
  }
  for (let i: usize = 0; i < 16; i++) {
    store<u8>(codes + i, <u8>(nearestLevel(inverse * load<f32>(xs + (i << 2)), range) + range));
  }
  return scale;
}

// @ts-ignore: decorator
@inline
function nearestLevel(x: f32, range: i32): i32 {
  const nearest = nearestIntOf(x);
  return nearest < -range ? -range : nearest < range ? nearest : range - 1;
}

/** Sums of four candidates, whose products never exceed range + 1.1, so rounding by bias does not overflow. */
function sumFour(xs: usize, errorWeights: usize, range: i32, set: usize): void {
  const inverse = v128.load(INVERSES + set), bias = f32x4.splat(BIAS);
  const low = i32x4.splat(BIAS_BITS - range), high = i32x4.splat(BIAS_BITS + range - 1);
  let sumLX = f32x4.splat(0), sumL2 = sumLX;
  for (let at: usize = 0; at < 64; at += 4) {
    const x = v128.load32_splat(xs + at), w = v128.load32_splat(errorWeights + at);
    const biased = f32x4.add(f32x4.mul(inverse, x), bias);
    const l = f32x4.sub(i32x4.max_s(i32x4.min_s(biased, high), low), bias);
    sumLX = f32x4.add(sumLX, f32x4.mul(f32x4.mul(w, x), l));
    sumL2 = f32x4.add(sumL2, f32x4.mul(f32x4.mul(w, l), l));
  }
  v128.store(SUM_LX + set, sumLX);
  v128.store(SUM_L2 + set, sumL2);
}
