/**
 * Gemma 1 to 3, and its embeddings: norms are stored minus one, the head is the embeddings. llama.cpp scales the
 * embeddings itself.
 */
import { numberOf, valueOf, type Config } from "../config.ts";
import { float, uint } from "../metadata-rules.ts";
import type { Architecture, TensorRule } from "./architecture.types.ts";
import { ATTENTION, layer, model, NETWORK } from "./rules.ts";

const plusOne = { map: "plus-one" } as const;

const SHARED: readonly TensorRule[] = [
  ...model({ "model.embed_tokens": "token_embd" }),
  ...model({ "model.norm": "output_norm" }, plusOne),
  ...layer({ input_layernorm: "attn_norm" }, plusOne),
  ...[...ATTENTION, ...NETWORK],
];

/** Norms around the attention and around the network. */
const FOUR_NORMS = layer(
  {
    post_attention_layernorm: "post_attention_norm",
    pre_feedforward_layernorm: "ffn_norm",
    post_feedforward_layernorm: "post_ffw_norm",
  },
  plusOne,
);

/** Some programs save the head all the same. */
const dropped = [/^lm_head\.weight$/];

export const gemma: Architecture = {
  huggingFace: ["GemmaForCausalLM"],
  gguf: "gemma",
  defaults: { head_dim: 256 },
  tensors: [...SHARED, ...layer({ post_attention_layernorm: "ffn_norm" }, plusOne)],
  dropped,
  without: ["rope.freq_base"],
};

export const gemma2: Architecture = {
  huggingFace: ["Gemma2ForCausalLM"],
  gguf: "gemma2",
  defaults: { head_dim: 256, sliding_window: 4096, attn_logit_softcapping: 50, final_logit_softcapping: 30 },
  tensors: [...SHARED, ...FOUR_NORMS],
  dropped,
  metadata: [
    float("attn_logit_softcapping", "attn_logit_softcapping"),
    float("final_logit_softcapping", "final_logit_softcapping"),
    uint("attention.sliding_window", "sliding_window"),
  ],
  without: ["rope.freq_base"],
};

/** What transformers' Gemma3TextConfig takes where a config is silent: those of the models with pictures are. */
const GEMMA3_DEFAULTS = {
  ...{ vocab_size: 262208, num_attention_heads: 8, num_key_value_heads: 4, head_dim: 256, rms_norm_eps: 1e-6 },
  ...{ max_position_embeddings: 131072, rope_theta: 1e6, rope_local_base_freq: 1e4, sliding_window: 4096 },
};

export const gemma3: Architecture = {
  huggingFace: ["Gemma3ForCausalLM", "Gemma3ForConditionalGeneration"],
  gguf: "gemma3",
  defaults: GEMMA3_DEFAULTS,
  tensors: [
    ...[...SHARED, ...FOUR_NORMS],
    ...layer({ "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm" }, plusOne),
  ],
  dropped,
  metadata: [
    float("final_logit_softcapping", (config) => numberOf(config, "final_logit_softcapping") || undefined),
    uint("attention.sliding_window", (config: Config) =>
      valueOf(config, "sliding_window_pattern") === 1 ? undefined : numberOf(config, "sliding_window"),
    ),
  ],
};

export const embeddingGemma: Architecture = {
  ...gemma3,
  huggingFace: ["Gemma3TextModel"],
  gguf: "gemma-embedding",
  pools: true,
};
