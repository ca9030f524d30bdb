/**
 * What a forward pass must know of an architecture beyond its metadata and the names of its tensors: data, a line or two
 * each. Whatever a tensor's presence tells (biases, norms of queries and keys, norms after a block, fused projections,
 * experts, a tied output) is read from the tensors.
 *
 * Definitions: llama.cpp's graphs (src/models), by `general.architecture`.
 */
import type { Activation } from "./numerics/row-functions.ts";
import type { RopePairs } from "./numerics/rope.ts";

export interface ArchitectureRules {
  /** Which elements of a head are turned together; absent: no rotary positions. */
  readonly rope?: RopePairs;
  /** Between the halves of the feed-forward layer. Default `silu`. */
  readonly activation?: Activation;
  /** Default `rms`. */
  readonly norm?: "rms" | "layer";
  /** Attention and feed-forward layer read the same normed input, and both are added to it. */
  readonly isParallel?: boolean;
  /** Embeddings are multiplied by the square root of their length. */
  readonly scalesEmbeddings?: boolean;
  /** Every n-th layer sees all positions, the others `attention.sliding_window` of them; absent: all see all. */
  readonly fullAttentionEvery?: number;
  /** The logits are divided by (`divided`) or multiplied with `logit_scale`. */
  readonly logitScale?: "multiplied" | "divided";
}

const RULES: Readonly<Record<string, ArchitectureRules>> = {
  // Mistral and Mixtral are llama to llama.cpp, which does not look at their sliding windows.
  llama: { rope: "neighbours" },
  qwen2: { rope: "halves" },
  qwen3: { rope: "halves" },
  qwen3moe: { rope: "halves" },
};

/** The rules of an architecture, or undefined for one that is not known. */
export function architectureRules(architecture: string): ArchitectureRules | undefined {
  return Object.hasOwn(RULES, architecture) ? RULES[architecture] : undefined;
}

/** Names of all architectures that can be evaluated. */
export function knownArchitectures(): readonly string[] {
  return Object.keys(RULES);
}
