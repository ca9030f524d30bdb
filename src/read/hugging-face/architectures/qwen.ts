/** Qwen 2 and 3, dense. ggml rotates halves for them, as Hugging Face does, so no rows are reordered. */
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, HEAD_NORMS, NETWORK, NORMS, OUTSIDE } from "./rules.ts";

const QWEN2 = [...OUTSIDE, ...NORMS, ...ATTENTION, ...NETWORK];

export const qwen2: Architecture = {
  huggingFace: ["Qwen2ForCausalLM", "Qwen2Model", "Qwen2AudioForConditionalGeneration", "KORMoForCausalLM"],
  gguf: "qwen2",
  tensors: QWEN2,
  pools: true,
};

export const qwen3: Architecture = {
  huggingFace: ["Qwen3ForCausalLM", "Qwen3Model"],
  gguf: "qwen3",
  tensors: [...QWEN2, ...HEAD_NORMS],
  pools: true,
};
