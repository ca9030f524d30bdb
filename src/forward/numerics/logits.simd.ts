// Twin of logits.ts.
import { exp4 } from "./simd/exp4";

// @ts-ignore: decorator
@inline
function low(x: v128): v128 { return f64x2.promote_low_f32x4(x); }
// @ts-ignore: decorator
@inline
function high(x: v128): v128 { return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3)); }

// Sum of e^(logit - largest) over `count` f32; whole vectors may be read behind them.
export function sum_exponentials(logits: usize, count: i32, largest: f32): f64 {
  let sum = f64x2.splat(0);
  const top = f32x4.splat(largest);
  let i: i32 = 0;
  for (; i + 4 <= count; i += 4) {
    const e = exp4(f32x4.sub(v128.load(logits + (<usize>i << 2)), top));
    sum = f64x2.add(sum, low(e));
    sum = f64x2.add(sum, high(e));
  }
  let even = f64x2.extract_lane(sum, 0), odd = f64x2.extract_lane(sum, 1);
  for (; i < count; i++) {
    const e = <f64>f32x4.extract_lane(exp4(f32x4.splat(load<f32>(logits + (<usize>i << 2)) - largest)), 0);
    if (i & 1) odd += e;
    else even += e;
  }
  return even + odd;
}

// Sum of p (ln p - ln q). codes: u16 of the base row; whole vectors may be read behind both.
export function row_divergence(codes: usize, logits: usize, count: i32, scale: f32, least: f32, norm: f64): f64 {
  let sum = f64x2.splat(0);
  const s = f32x4.splat(scale), l = f32x4.splat(least), limit = f32x4.splat(-16), n = f64x2.splat(norm);
  let i: i32 = 0;
  for (; i + 4 <= count; i += 4) {
    const code = f32x4.convert_i32x4_u(v128.load16x4_u(codes + (<usize>i << 1)));
    const logBase = f32x4.add(f32x4.mul(s, code), l), counts = f32x4.gt(logBase, limit);
    if (!v128.any_true(counts)) continue;
    const p = exp4(logBase), q = v128.load(logits + (<usize>i << 2));
    const first = f64x2.mul(low(p), f64x2.add(f64x2.sub(low(logBase), low(q)), n));
    const second = f64x2.mul(high(p), f64x2.add(f64x2.sub(high(logBase), high(q)), n));
    sum = f64x2.add(sum, v128.and(first, v128.shuffle<i32>(counts, counts, 0, 0, 1, 1)));
    sum = f64x2.add(sum, v128.and(second, v128.shuffle<i32>(counts, counts, 2, 2, 3, 3)));
  }
  let even = f64x2.extract_lane(sum, 0), odd = f64x2.extract_lane(sum, 1);
  for (; i < count; i++) {
    const logBase = scale * <f32>load<u16>(codes + (<usize>i << 1)) + least;
    if (!(logBase > -16)) continue;
    const p = <f64>f32x4.extract_lane(exp4(f32x4.splat(logBase)), 0);
    const term = p * (<f64>logBase - <f64>load<f32>(logits + (<usize>i << 2)) + norm);
    if (i & 1) odd += term;
    else even += term;
  }
  return even + odd;
}
