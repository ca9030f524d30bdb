/**
 * What a forward pass must know of an architecture beyond its metadata and the names of its tensors: data, a line or two
 * each. Whatever a tensor's presence tells (biases, norms of queries and keys, norms after a block, fused projections,
 * experts, attention sinks, learned positions, a tied output) is read from the tensors.
 *
 * Definitions: llama.cpp's graphs (src/models), by `general.architecture`.
 */
import type { Activation } from "./numerics/row-functions.ts";
import type { RopePairs } from "./numerics/rope.ts";

/** How a router's scores become the weights of a token's experts. */
export interface Routing {
  /** `chosen`: the softmax is taken over the scores of the chosen ones. */
  readonly gating: "softmax" | "sigmoid" | "chosen";
  /** The weights of a token's experts are divided by their sum. */
  readonly isNormalised: boolean;
}

/** Layers that see only the last `attention.sliding_window` positions. */
export interface Windows {
  /** The last of every so many layers sees all. A key `attention.sliding_window_pattern` comes first. */
  readonly period: number;
  /** Only models with so many layers have any. */
  readonly layers?: number;
  /** Their rotary positions are not those of the other layers: of that base, and never scaled. */
  readonly ropeBase?: number | "same";
}

export interface ArchitectureRules {
  /** Which elements of a head are turned together; absent: no rotary positions. */
  readonly rope?: RopePairs;
  /** YaRN does not change the length of what is turned. */
  readonly isYarnUnscaled?: boolean;
  /** Layers with rotary positions, when not all: those with a window (all, where none has), or all but every n-th. */
  readonly ropeLayers?: "windowed" | { readonly butEvery: number };
  /** Inside the feed-forward layer. Default `silu`. */
  readonly activation?: Activation;
  /** Default `rms`. */
  readonly norm?: "rms" | "layer";
  /** Queries and keys are turned before they are normed. */
  readonly normsTurned?: boolean;
  /** Attention and feed-forward layer read the same normed input, and both are added to it. */
  readonly isParallel?: boolean;
  /** What the feed-forward layer's norm is called, when not `ffn_norm`. */
  readonly feedForwardNorm?: string;
  /** Embeddings are multiplied by the square root of their length. */
  readonly scalesEmbeddings?: boolean;
  /** Absent: all layers see all positions, whatever the metadata say. */
  readonly windows?: Windows;
  /** The scores of models with so many layers are scaled by the width over the heads, not by the length of a head. */
  readonly scaledByWidth?: number;
  /** The logits are divided by (`divided`) or multiplied with `logit_scale`. */
  readonly logitScale?: "multiplied" | "divided";
  /** Keys `expert_gating_func` and `expert_weights_norm` come first. Default: softmax over all, normalised. */
  readonly routing?: Routing;
}

const GRANITE: ArchitectureRules = { rope: "neighbours", logitScale: "divided" };
const GEMMA: ArchitectureRules = { rope: "halves", activation: "gelu", scalesEmbeddings: true };
const COHERE: ArchitectureRules = { rope: "neighbours", norm: "layer", isParallel: true, logitScale: "multiplied" };
const UNNORMALISED: Routing = { gating: "softmax", isNormalised: false };

const RULES: Readonly<Record<string, ArchitectureRules>> = {
  // Mistral and Mixtral are llama to llama.cpp, which does not look at their sliding windows.
  llama: { rope: "neighbours" },
  arcee: { rope: "neighbours", activation: "squared-relu" },
  chatglm: { rope: "neighbours" },
  cohere2: { ...COHERE, windows: { period: 4 }, ropeLayers: "windowed" },
  "command-r": COHERE,
  ernie4_5: { rope: "neighbours" },
  exaone: { rope: "halves" },
  exaone4: { rope: "halves", windows: { period: 4, layers: 64 }, ropeLayers: "windowed" },
  gemma: GEMMA,
  gemma2: { ...GEMMA, windows: { period: 2 }, scaledByWidth: 46 },
  gemma3: { ...GEMMA, windows: { period: 6, ropeBase: 10_000 }, scaledByWidth: 62 },
  glm4: { rope: "neighbours" },
  gpt2: { norm: "layer", activation: "gelu" },
  "gpt-oss": {
    rope: "halves",
    activation: "clamped-silu",
    feedForwardNorm: "post_attention_norm",
    windows: { period: 2 },
    routing: { gating: "chosen", isNormalised: false },
  },
  granite: GRANITE,
  granitemoe: GRANITE,
  "hunyuan-dense": { rope: "halves", normsTurned: true },
  internlm2: { rope: "neighbours" },
  minicpm: GRANITE,
  mistral3: { rope: "neighbours", isYarnUnscaled: true },
  nemotron: { rope: "halves", norm: "layer", activation: "squared-relu" },
  olmo2: { rope: "halves", windows: { period: 4, ropeBase: "same" } },
  olmoe: { rope: "halves", routing: UNNORMALISED },
  phi2: { rope: "halves", norm: "layer", activation: "gelu", isParallel: true },
  phi3: { rope: "halves" },
  qwen2: { rope: "halves" },
  qwen2vl: { rope: "halves" },
  qwen3: { rope: "halves" },
  qwen3vl: { rope: "halves" },
  qwen3moe: { rope: "halves" },
  seed_oss: { rope: "halves", feedForwardNorm: "post_attention_norm" },
  smollm3: { rope: "neighbours", ropeLayers: { butEvery: 4 } },
  starcoder2: { rope: "halves", norm: "layer", activation: "gelu" },
};

/** The rules of an architecture, or undefined for one that is not known. */
export function architectureRules(architecture: string): ArchitectureRules | undefined {
  return Object.hasOwn(RULES, architecture) ? RULES[architecture] : undefined;
}

/** Names of all architectures that can be evaluated. */
export function knownArchitectures(): readonly string[] {
  return Object.keys(RULES);
}
