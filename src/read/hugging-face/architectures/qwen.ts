/**
 * Qwen 2 and 3: Llama's tensors, with biases (2) or with norms of queries and keys (3), dense or with experts. ggml
 * rotates halves for them, as Hugging Face does, so no rows are reordered.
 */
import type { Architecture } from "./architecture.types.ts";
import { LLAMA_METADATA, LLAMA_TENSORS, withExperts } from "./llama.ts";

const QWEN_TENSORS = LLAMA_TENSORS.map(({ rotaryHeads: _, ...tensor }) => tensor);

const QWEN3_TENSORS = [
  ...QWEN_TENSORS,
  { huggingFace: "model.layers.{}.self_attn.q_norm", gguf: "blk.{}.attn_q_norm", required: [".weight"] },
  { huggingFace: "model.layers.{}.self_attn.k_norm", gguf: "blk.{}.attn_k_norm", required: [".weight"] },
] as const;

export const qwen2: Architecture = {
  huggingFace: ["Qwen2ForCausalLM"],
  gguf: "qwen2",
  tensors: QWEN_TENSORS,
  metadata: LLAMA_METADATA,
  statesRopeDimension: false,
};

export const qwen3: Architecture = {
  huggingFace: ["Qwen3ForCausalLM"],
  gguf: "qwen3",
  tensors: QWEN3_TENSORS,
  metadata: LLAMA_METADATA,
  statesRopeDimension: false,
};

export const qwen3moe: Architecture = {
  huggingFace: ["Qwen3MoeForCausalLM"],
  gguf: "qwen3moe",
  tensors: withExperts(QWEN3_TENSORS, "model.layers.{}.mlp", { gate: "gate_proj", down: "down_proj", up: "up_proj" }),
  metadata: [
    ...LLAMA_METADATA,
    { gguf: "expert_count", type: "uint32", config: ["num_experts"], otherwise: "required" },
    { gguf: "expert_used_count", type: "uint32", config: ["num_experts_per_tok"], otherwise: "required" },
    { gguf: "expert_feed_forward_length", type: "uint32", config: ["moe_intermediate_size"], otherwise: "required" },
  ],
  statesRopeDimension: false,
  expertCount: "num_experts",
};
