/** Llama, and the models that differ from it in name only or in a line. */
import { flagOf, headDimension, numberOf, type Config } from "../config.ts";
import { uint } from "../metadata-rules.ts";
import type { Architecture, MetadataRule, TensorRule } from "./architecture.types.ts";
import { NETWORK, NORMS, OUTSIDE, ROTARY_ATTENTION } from "./rules.ts";

/** Common to Llama and its near relatives. */
export const LLAMA_TENSORS: readonly TensorRule[] = [...OUTSIDE, ...NORMS, ...ROTARY_ATTENTION, ...NETWORK];

/** llama.cpp wants the rotated weights of a head stated. */
export const LLAMA_METADATA: readonly MetadataRule[] = [uint("rope.dimension_count", headDimension)];

/** Llama has no window in llama.cpp: beyond it the originals forget, the copies do not. */
export function windowNotes(config: Config): string[] {
  const [window, context] = [numberOf(config, "sliding_window"), numberOf(config, "max_position_embeddings")];
  if (window === undefined || context === undefined || window >= context) return [];
  if (flagOf(config, "use_sliding_window") === false) return [];
  return [
    `the config's sliding window of ${window} tokens is shorter than its context of ${context}: llama.cpp attends to ` +
      `all tokens of this architecture, so beyond ${window} it computes something else than transformers`,
  ];
}

export const llama: Architecture = {
  huggingFace: ["LlamaForCausalLM", "LLaMAForCausalLM", "LlamaModel", "MistralForCausalLM", "IQuestCoderForCausalLM"],
  gguf: "llama",
  tensors: LLAMA_TENSORS,
  metadata: [...LLAMA_METADATA, uint("attention.head_count_kv", ["num_key_value_heads", "num_attention_heads"])],
  rope: ["llama3"],
  notes: windowNotes,
};

export const smollm3: Architecture = { ...llama, huggingFace: ["SmolLM3ForCausalLM"], gguf: "smollm3" };

/** Arcee: no gate in the network. */
export const arcee: Architecture = {
  ...llama,
  huggingFace: ["ArceeForCausalLM"],
  gguf: "arcee",
  tensors: LLAMA_TENSORS.filter(({ to }) => to !== "blk.{}.ffn_gate"),
  pools: true,
};

/** Bidirectional Llama for embeddings. */
export const llamaEmbed: Architecture = { ...llama, huggingFace: ["LlamaBidirectionalModel"], gguf: "llama-embed" };

/** InternLM 3 is Llama under another class name; its tokenizer names an end of its own. */
export const internlm3: Architecture = {
  ...llama,
  huggingFace: ["InternLM3ForCausalLM"],
  specialTokens: { always: { eos: "<|im_end|>" } },
};
