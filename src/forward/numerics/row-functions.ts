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

/** 1 / (1 + e^-x) */
export function sigmoid(x: number): number {
  return fround(1 / fround(1 + expF32(-x)));
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

/** max(x, 0)^2 */
function squaredRelu(x: number): number {
  const positive = x > 0 ? x : 0;
  return fround(positive * positive);
}

/** Bounds and steepness of gpt-oss's gate (llama.cpp's SWIGLU_OAI). */
const CLAMP = 7;
const STEEPNESS = fround(1.702);

/** min(x, 7) / (1 + e^(-1.702 min(x, 7))) */
function clampedSilu(x: number): number {
  const bounded = Math.min(x, CLAMP);
  return fround(bounded / fround(1 + expF32(fround(STEEPNESS * -bounded))));
}

const FUNCTIONS = { silu, gelu, "squared-relu": squaredRelu, "clamped-silu": clampedSilu } as const;

/** The functions inside a feed-forward layer. What `clamped-silu` gates is bound to -7 to 7, and 1 is added to it. */
export type Activation = keyof typeof FUNCTIONS;

/** In the order of their numbers in the twin. */
export const ACTIVATIONS = Object.keys(FUNCTIONS) as readonly Activation[];

/** gate = activation(gate) * up, in place. */
export function gateRows(activation: Activation, gate: Float32Array, up: Float32Array): void {
  const f = FUNCTIONS[activation];
  const isClamped = activation === "clamped-silu";
  for (let i = 0; i < gate.length; i++) {
    const other = isClamped ? fround(Math.max(-CLAMP, Math.min(CLAMP, up[i]!)) + 1) : up[i]!;
    gate[i] = fround(f(gate[i]!) * other);
  }
}

/** x = activation(x), in place. */
export function activateRows(activation: Activation, x: Float32Array): void {
  const f = FUNCTIONS[activation];
  for (let i = 0; i < x.length; i++) x[i] = f(x[i]!);
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
