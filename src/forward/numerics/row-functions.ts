/**
 * What happens to activation rows between the matrix products. Every operation is rounded to f32, but for the sums of
 * the norms and of the softmax, which are f64. row-functions.simd.ts is
 * the twin of what needs exponentials.
 */
import { expF32 } from "./exp-f32.ts";

const { fround } = Math;

/** Sum in two interleaved chains, as two f64 lanes add: elements of even index, elements of odd index, then both. */
function sumOfTwoLanes(length: number, value: (index: number) => number): number {
  let even = 0;
  let odd = 0;
  let i = 0;
  for (; i + 1 < length; i += 2) {
    even += value(i);
    odd += value(i + 1);
  }
  if (i < length) even += value(i);
  return even + odd;
}

/**
 * Root-mean-square norm: x / sqrt(mean x^2 + epsilon) * weight.
 * @param out may be `x`
 */
export function rmsNorm(x: Float32Array, weight: Float32Array, epsilon: number, out: Float32Array): void {
  const mean = fround(sumOfTwoLanes(x.length, (i) => x[i]! * x[i]!) / x.length);
  const scale = fround(1 / fround(Math.sqrt(fround(mean + fround(epsilon)))));
  for (let i = 0; i < x.length; i++) out[i] = fround(fround(x[i]! * scale) * weight[i]!);
}

/**
 * Layer norm: (x - mean) / sqrt(variance + epsilon) * weight + bias.
 * @param bias absent: none
 */
export function layerNorm(
  x: Float32Array,
  weight: Float32Array,
  bias: Float32Array | undefined,
  epsilon: number,
  out: Float32Array,
): void {
  const mean = fround(sumOfTwoLanes(x.length, (i) => x[i]!) / x.length);
  for (let i = 0; i < x.length; i++) out[i] = fround(x[i]! - mean);
  const variance = fround(sumOfTwoLanes(x.length, (i) => out[i]! * out[i]!) / x.length);
  const scale = fround(1 / fround(Math.sqrt(fround(variance + fround(epsilon)))));
  for (let i = 0; i < x.length; i++) {
    const normed = fround(fround(out[i]! * scale) * weight[i]!);
    out[i] = bias === undefined ? normed : fround(normed + bias[i]!);
  }
}

/** x / (1 + e^-x) */
export function silu(x: number): number {
  return fround(x / fround(1 + expF32(-x)));
}

/** The tanh approximation of GELU: x / (1 + e^(-2 sqrt(2/pi) (x + 0.044715 x^3))) */
export function gelu(x: number): number {
  const inner = fround(x * fround(1 + fround(fround(0.044715) * fround(x * x))));
  return fround(x / fround(1 + expF32(fround(fround(-1.5957691216) * inner))));
}

/** tanh x = 1 - 2 / (e^(2x) + 1) */
export function tanhF32(x: number): number {
  return fround(1 - fround(2 / fround(expF32(fround(2 * x)) + 1)));
}

/** The functions between the two halves of a feed-forward layer. */
export type Activation = "silu" | "gelu";

/** gate = activation(gate) * up, in place. */
export function gateRows(activation: Activation, gate: Float32Array, up: Float32Array): void {
  const f = activation === "silu" ? silu : gelu;
  for (let i = 0; i < gate.length; i++) gate[i] = fround(f(gate[i]!) * up[i]!);
}

/**
 * Softmax over the first `count` scores, which become probabilities; what follows becomes 0.
 * @param sink a further score that takes probability and goes nowhere; absent: none
 */
export function softmax(scores: Float32Array, count: number, sink?: number): void {
  let largest = sink ?? -Infinity;
  for (let j = 0; j < count; j++) if (scores[j]! > largest) largest = scores[j]!;
  for (let j = 0; j < scores.length; j++) scores[j] = j < count ? expF32(fround(scores[j]! - largest)) : 0;
  let total = sumOfTwoLanes(count, (j) => scores[j]!);
  if (sink !== undefined) total += expF32(fround(sink - largest));
  const inverse = fround(1 / total);
  for (let j = 0; j < count; j++) scores[j] = fround(scores[j]! * inverse);
}
