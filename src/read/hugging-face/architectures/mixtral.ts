/** Mixtral: Llama's attention, and experts instead of one feed-forward network. `llama` to llama.cpp too. */
import type { Architecture } from "./architecture.types.ts";
import { LLAMA_METADATA, LLAMA_TENSORS, withExperts } from "./llama.ts";

export const mixtral: Architecture = {
  huggingFace: ["MixtralForCausalLM"],
  gguf: "llama",
  tensors: withExperts(LLAMA_TENSORS, "model.layers.{}.block_sparse_moe", { gate: "w1", down: "w2", up: "w3" }),
  metadata: [
    ...LLAMA_METADATA,
    { gguf: "expert_count", type: "uint32", config: ["num_local_experts"], otherwise: "required" },
    { gguf: "expert_used_count", type: "uint32", config: ["num_experts_per_tok"], otherwise: "required" },
  ],
  statesRopeDimension: true,
  expertCount: "num_local_experts",
};
