/** Llama and the models that differ from it in name only. */
import type { Architecture, MetadataRule, TensorName } from "./architecture.types.ts";

/** Beyond the layers, and within one: common to Llama, Mistral and Qwen. */
export const LLAMA_TENSORS: readonly TensorName[] = [
  { huggingFace: "model.embed_tokens", gguf: "token_embd", required: [".weight"] },
  { huggingFace: "model.norm", gguf: "output_norm", required: [".weight"] },
  { huggingFace: "lm_head", gguf: "output" },
  { huggingFace: "model.layers.{}.input_layernorm", gguf: "blk.{}.attn_norm", required: [".weight"] },
  {
    huggingFace: "model.layers.{}.self_attn.q_proj",
    gguf: "blk.{}.attn_q",
    required: [".weight"],
    rotaryHeads: "num_attention_heads",
  },
  {
    huggingFace: "model.layers.{}.self_attn.k_proj",
    gguf: "blk.{}.attn_k",
    required: [".weight"],
    rotaryHeads: "num_key_value_heads",
  },
  { huggingFace: "model.layers.{}.self_attn.v_proj", gguf: "blk.{}.attn_v", required: [".weight"] },
  { huggingFace: "model.layers.{}.self_attn.o_proj", gguf: "blk.{}.attn_output", required: [".weight"] },
  { huggingFace: "model.layers.{}.post_attention_layernorm", gguf: "blk.{}.ffn_norm", required: [".weight"] },
  { huggingFace: "model.layers.{}.mlp.gate_proj", gguf: "blk.{}.ffn_gate", required: [".weight"] },
  { huggingFace: "model.layers.{}.mlp.up_proj", gguf: "blk.{}.ffn_up", required: [".weight"] },
  { huggingFace: "model.layers.{}.mlp.down_proj", gguf: "blk.{}.ffn_down", required: [".weight"] },
];

/** In llama.cpp's order of keys. */
export const LLAMA_METADATA: readonly MetadataRule[] = [
  { gguf: "block_count", type: "uint32", config: ["num_hidden_layers"], otherwise: "required" },
  { gguf: "context_length", type: "uint32", config: ["max_position_embeddings"], otherwise: "required" },
  { gguf: "embedding_length", type: "uint32", config: ["hidden_size"], otherwise: "required" },
  { gguf: "feed_forward_length", type: "uint32", config: ["intermediate_size"], otherwise: "required" },
  { gguf: "attention.head_count", type: "uint32", config: ["num_attention_heads"], otherwise: "required" },
  {
    gguf: "attention.head_count_kv",
    type: "uint32",
    // Without grouped queries every head has keys and values of its own.
    config: ["num_key_value_heads", "num_attention_heads"],
    otherwise: "required",
  },
  { gguf: "attention.layer_norm_rms_epsilon", type: "float32", config: ["rms_norm_eps"], otherwise: 1e-6 },
  { gguf: "attention.key_length", type: "uint32", config: ["head_dim"], otherwise: "omit" },
  { gguf: "attention.value_length", type: "uint32", config: ["head_dim"], otherwise: "omit" },
];

export const llama: Architecture = {
  huggingFace: ["LlamaForCausalLM", "LLaMAForCausalLM", "MistralForCausalLM"],
  gguf: "llama",
  tensors: LLAMA_TENSORS,
  metadata: LLAMA_METADATA,
  statesRopeDimension: true,
};

/** The same tensors with experts and their router instead of one feed-forward network. */
export function withExperts(
  tensors: readonly TensorName[],
  block: string,
  names: { readonly gate: string; readonly down: string; readonly up: string },
): TensorName[] {
  const stacked = (name: string, gguf: string): TensorName => ({
    huggingFace: `${block}.experts.{e}.${name}`,
    gguf: `blk.{}.${gguf}_exps`,
    required: [".weight"],
  });
  return [
    ...tensors.filter(({ huggingFace }) => !huggingFace.includes(".mlp.")),
    { huggingFace: `${block}.gate`, gguf: "blk.{}.ffn_gate_inp", required: [".weight"] },
    stacked(names.gate, "ffn_gate"),
    stacked(names.down, "ffn_down"),
    stacked(names.up, "ffn_up"),
  ];
}
