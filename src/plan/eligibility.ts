/**
 * Which tensors are quantized at all. The list is llama.cpp's (`tensor_allows_quantization`, 2026): two or more
 * dimensions, a name that ends with `weight`, and none of the small or sensitive tensors below. Integers are no weights.
 */
import { findFormat } from "../../codecs/registry.ts";
import type { Tensor } from "../read/model.ts";

/** Parts of names of tensors that stay as they are, with the word that tells people why. */
const KEPT_PARTS: readonly (readonly [part: string, what: string])[] = [
  ["_norm.weight", "norm"],
  ["ffn_gate_inp.weight", "expert router"],
  ["ffn_gate_tid2eid.weight", "expert routing table"],
  ["altup", "too small"],
  ["laurel", "too small"],
  ["per_layer_model_proj", "too small"],
  ["ssm_conv1d", "convolution"],
  ["shortconv.conv.weight", "convolution"],
  ["indexer.k_proj.weight", "attention indexer"],
  ["indexer.q_proj.weight", "attention indexer"],
  ...[
    ...["first", "w0", "w1", "w2", "v0", "v1", "v2", "a0", "a1", "a2", "g1", "g2"],
    ...["decay_w1", "decay_w2", "lerp_fused"],
  ].map((part) => [`time_mix_${part}.weight`, "time mix"] as const),
  ["attn_rel_b.weight", "relative positions"],
  [".position_embd", "positions"],
  ["sam.pos_embd", "vision encoder"],
  ["sam.neck.", "vision encoder"],
  ["sam.net_", "vision encoder"],
  [".rel_pos", "relative positions"],
  [".patch_embd", "image patches"],
  [".patch_merger", "image patches"],
  ["a.rvq.codebook", "audio codebook"],
  ["mm.a.code_embd", "audio codebook"],
];
const KEPT_NAMES: ReadonlyMap<string, string> = new Map([
  ["position_embd.weight", "positions"],
  ["token_types.weight", "token types"],
]);

/** True for tensors of integers: indices, tables, not weights. */
function isInteger({ codec }: Pick<Tensor, "codec">): boolean {
  return findFormat(codec)?.kind === "integer";
}

/** Dimensions without the trailing ones, at least 1: a column of one number per row is a vector. */
export function dimensionCount(shape: readonly number[]): number {
  return Math.max(1, shape.findLastIndex((n) => n > 1) + 1);
}

/** Why a tensor is not quantized, in a word or two, or undefined when it may be. */
export function whyKept(tensor: Pick<Tensor, "name" | "shape" | "codec">): string | undefined {
  if (isInteger(tensor)) return "integers";
  if (dimensionCount(tensor.shape) < 2) return "vector";
  if (!tensor.name.endsWith("weight")) return "not a weight";
  return KEPT_NAMES.get(tensor.name) ?? KEPT_PARTS.find(([part]) => tensor.name.includes(part))?.[1];
}
