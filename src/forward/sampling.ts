/**
 * Choosing the next token from its logits. The random numbers depend on seed, sequence and position alone, so the same
 * text comes out whatever else is generated, in whatever order.
 */
import { expF32 } from "./numerics/exp-f32.ts";

const { fround, imul } = Math;

export interface Sampling {
  /** 0: always the most probable token. */
  readonly temperature: number;
  /** Only the most probable so many are drawn from; 0: all. */
  readonly topK: number;
  /** Only the most probable that reach this probability together are drawn from; 1: all. */
  readonly topP: number;
  /** A whole number below 2^32. */
  readonly seed: number;
}

/** The finalizer of MurmurHash3: every bit of the result depends on every bit of the word. */
function mix(word: number): number {
  let h = word >>> 0;
  h = imul(h ^ (h >>> 16), 0x85ebca6b);
  h = imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A number in [0, 1) with 32 random bits, the same for the same arguments. */
export function uniform(seed: number, sequence: number, position: number): number {
  return mix(mix(mix(seed ^ 0x9e3779b9) ^ sequence) ^ position) / 2 ** 32;
}

/** The index of the greatest logit, the first of equals. */
function greatest(logits: Float32Array): number {
  let top = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[top]!) top = i;
  return top;
}

/**
 * @param draw in [0, 1)
 * @returns a token's id
 */
export function sampleToken(logits: Float32Array, { temperature, topK, topP }: Sampling, draw: number): number {
  const top = greatest(logits);
  if (temperature === 0) return top;
  const largest = logits[top]!;
  const weights = logits.map((logit) => expF32(fround(fround(logit - largest) / fround(temperature))));
  const candidates = topK > 0 || topP < 1 ? mostProbable(weights, topK, topP) : undefined;
  if (candidates === undefined) return drawFrom(weights, (i) => i, weights.length, draw);
  return drawFrom(weights, (i) => candidates[i]!, candidates.length, draw);
}

/** The first candidate at which the running sum passes the drawn part of the whole. */
function drawFrom(weights: Float32Array, at: (i: number) => number, count: number, draw: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += weights[at(i)]!;
  const limit = draw * total;
  let sum = 0;
  for (let i = 0; i < count; i++) {
    sum += weights[at(i)]!;
    if (sum > limit) return at(i);
  }
  return at(count - 1);
}

/** Tokens by falling weight, cut after `topK`, then where their part of what is left reaches `topP`. */
function mostProbable(weights: Float32Array, topK: number, topP: number): Uint32Array {
  const order = Uint32Array.from(weights.keys()).sort((a, b) => weights[b]! - weights[a]! || a - b);
  const kept = topK > 0 ? order.subarray(0, topK) : order;
  const total = kept.reduce((sum, token) => sum + weights[token]!, 0);
  let sum = 0;
  for (let i = 0; i < kept.length; i++) {
    sum += weights[kept[i]!]!;
    if (sum >= topP * total) return kept.subarray(0, i + 1);
  }
  return kept;
}
