// Twin of the functions of row-functions.ts that need exponentials; norms are fast enough as they are. The sum of the
// softmax runs in two f64 lanes: even and odd elements.
import { exp4 } from "./simd/exp4";

// @ts-ignore: decorator
@inline
function low(x: v128): v128 { return f64x2.promote_low_f32x4(x); }
// @ts-ignore: decorator
@inline
function high(x: v128): v128 { return f64x2.promote_low_f32x4(v128.shuffle<i32>(x, x, 2, 3, 2, 3)); }
function sumOf(x: usize, count: i32): f64 {
  let sum = f64x2.splat(0);
  const end = x + (<usize>count << 2), stop = x + (<usize>(count & ~3) << 2);
  for (; x < stop; x += 16) {
    const v = v128.load(x);
    sum = f64x2.add(sum, low(v));
    sum = f64x2.add(sum, high(v));
  }
  let even = f64x2.extract_lane(sum, 0), odd = f64x2.extract_lane(sum, 1);
  for (let i: usize = 0; x < end; x += 4, i++) {
    if (i & 1) odd += <f64>load<f32>(x);
    else even += <f64>load<f32>(x);
  }
  return even + odd;
}

// @ts-ignore: decorator
@inline
function silu4(x: v128): v128 { return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x)))); }
// @ts-ignore: decorator
@inline
function gelu4(x: v128): v128 {
  const inner = f32x4.mul(x, f32x4.add(f32x4.splat(1), f32x4.mul(f32x4.splat(0.044715), f32x4.mul(x, x))));
  return f32x4.div(x, f32x4.add(f32x4.splat(1), exp4(f32x4.mul(f32x4.splat(-1.5957691216), inner))));
}

// @ts-ignore: decorator
@inline
function squaredRelu4(x: v128): v128 {
  const positive = f32x4.pmax(f32x4.splat(0), x);
  return f32x4.mul(positive, positive);
}
// @ts-ignore: decorator
@inline
function clampedSilu4(x: v128): v128 {
  const bounded = f32x4.min(x, f32x4.splat(7));
  return f32x4.div(bounded, f32x4.add(f32x4.splat(1), exp4(f32x4.mul(f32x4.splat(1.702), f32x4.neg(bounded)))));
}
// @ts-ignore: decorator
@inline
function activation4(activation: i32, x: v128): v128 {
  if (activation == 0) return silu4(x);
  if (activation == 1) return gelu4(x);
  return activation == 2 ? squaredRelu4(x) : clampedSilu4(x);
}

// gate = activation(gate) * up for `count` f32, a multiple of four. activation: its position in ACTIVATIONS.
export function gate_rows(activation: i32, gate: usize, up: usize, count: i32): void {
  const end = gate + (<usize>count << 2);
  for (; gate < end; gate += 16, up += 16) {
    let other = v128.load(up);
    if (activation == 3) {
      other = f32x4.max(f32x4.splat(-7), f32x4.min(f32x4.splat(7), other));
      other = f32x4.add(other, f32x4.splat(1));
    }
    v128.store(gate, f32x4.mul(activation4(activation, v128.load(gate)), other));
  }
}

// x = activation(x) for `count` f32, a multiple of four.
export function activate_rows(activation: i32, x: usize, count: i32): void {
  const end = x + (<usize>count << 2);
  for (; x < end; x += 16) v128.store(x, activation4(activation, v128.load(x)));
}

// Softmax over the first `count` of `length` scores (room for a whole vector behind them); the others become 0.
// sink: a further score, where hasSink is not 0.
export function softmax_row(scores: usize, count: i32, length: i32, sink: f32, hasSink: i32): void {
  let largest: f32 = hasSink ? sink : -Infinity;
  for (let j: usize = 0; j < <usize>count << 2; j += 4) {
    const score = load<f32>(scores + j);
    if (score > largest) largest = score;
  }
  const top = f32x4.splat(largest);
  for (let j: usize = 0; j < <usize>count << 2; j += 16) v128.store(scores + j, exp4(f32x4.sub(v128.load(scores + j), top)));
  if (length > count) memory.fill(scores + (<usize>count << 2), 0, <usize>(length - count) << 2);
  let sum = sumOf(scores, count);
  if (hasSink) sum += <f64>f32x4.extract_lane(exp4(f32x4.splat(sink - largest)), 0);
  const inverse: f32 = <f32>(1 / sum);
  for (let j: usize = 0; j < <usize>count << 2; j += 4) store<f32>(scores + j, load<f32>(scores + j) * inverse);
}

// Scores of one query to probabilities. scores: `length` f32, with room for a whole vector before and behind; those of
// [start, end) count, the others become 0. cap: 0 for none.
export function score_row(
  scores: usize, start: i32, end: i32, length: i32, scale: f32, cap: f32, sink: f32, hasSink: i32,
): void {
  const first = scores + (<usize>start << 2), last = scores + (<usize>end << 2);
  if (cap == 0) {
    for (let at = first; at < last; at += 4) store<f32>(at, load<f32>(at) * scale);
  } else {
    const two = f32x4.splat(2), one = f32x4.splat(1);
    for (let at = first; at < last; at += 4) {
      const x = f32x4.splat(load<f32>(at) * scale / cap);
      const tanh = f32x4.sub(one, f32x4.div(two, f32x4.add(exp4(f32x4.mul(two, x)), one)));
      store<f32>(at, f32x4.extract_lane(tanh, 0) * cap);
    }
  }
  memory.fill(scores, 0, <usize>start << 2);
  softmax_row(first, end - start, length - start, sink, hasSink);
}

// Positions added to the keys of a head. keys: a panel of rows of `keyLength`; src: one new row.
export function append_key(keys: usize, keyLength: i32, position: i32, src: usize): void {
  const at = keys + (<usize>((position & ~7) * keyLength + (position & 7)) << 2);
  for (let i: usize = 0; i < <usize>keyLength; i++) store<f32>(at + (i << 5), load<f32>(src + (i << 2)));
}

// Values of a head: a panel of `valueLength` rows with room for `positions` columns; src: one new column, filled up to a
// multiple of eight with anything.
export function append_value(values: usize, valueLength: i32, positions: i32, position: i32, src: usize): void {
  for (let i: i32 = 0; i < valueLength; i += 8) {
    const at = values + (<usize>(i * positions + (position << 3)) << 2), from = src + (<usize>i << 2);
    v128.store(at, v128.load(from));
    v128.store(at, v128.load(from, 16), 16);
  }
}
