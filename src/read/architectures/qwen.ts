/**
 * Qwen 2 and 3, dense: Llama's tensors, with biases (2) or with norms of queries and keys (3). ggml rotates halves
 * for them, as Hugging Face does, so no rows are reordered.
 */
import type { Architecture } from "./architecture.types.ts";
import { LLAMA_METADATA, LLAMA_TENSORS } from "./llama.ts";

const QWEN_TENSORS = LLAMA_TENSORS.map(({ rotaryHeads: _, ...tensor }) => tensor);

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
  tensors: [
    ...QWEN_TENSORS,
    { huggingFace: "model.layers.{}.self_attn.q_norm", gguf: "blk.{}.attn_q_norm", required: [".weight"] },
    { huggingFace: "model.layers.{}.self_attn.k_norm", gguf: "blk.{}.attn_k_norm", required: [".weight"] },
  ],
  metadata: LLAMA_METADATA,
  statesRopeDimension: false,
};
