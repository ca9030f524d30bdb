/** OLMo 1 to 3, and with experts. */
import { listOf } from "../config.ts";
import { flags, float, uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import {
  ATTENTION,
  experts,
  HEAD_NORMS,
  layer,
  model,
  NETWORK,
  NORMS,
  NORMS_BEHIND,
  OUTSIDE,
  ROTARY_ATTENTION,
} from "./rules.ts";

/** Norms without weights. */
export const olmo: Architecture = {
  huggingFace: ["OlmoForCausalLM", "OLMoForCausalLM"],
  gguf: "olmo",
  tensors: [
    ...model({ "model.embed_tokens": "token_embd" }),
    ...model({ lm_head: "output" }, { optional: true }),
    ...[...ROTARY_ATTENTION, ...NETWORK],
  ],
  metadata: [float("attention.layer_norm_epsilon", () => 1e-5), float("attention.clamp_kqv", "clip_qkv")],
};

/** Layers with a window, as a list of truths. */
export const WINDOW_METADATA = [
  uint("attention.sliding_window", "sliding_window"),
  flags("attention.sliding_window_pattern", (config) => {
    const types = listOf(config, "layer_types");
    return types.length === 0 ? undefined : types.map((type) => type === "sliding_attention");
  }),
];

export const olmo2: Architecture = {
  huggingFace: ["Olmo2ForCausalLM", "Olmo3ForCausalLM"],
  gguf: "olmo2",
  tensors: [...OUTSIDE, ...NORMS_BEHIND, ...ATTENTION, ...HEAD_NORMS, ...NETWORK],
  metadata: WINDOW_METADATA,
};

export const olmoe: Architecture = {
  huggingFace: ["OlmoeForCausalLM"],
  gguf: "olmoe",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION, ...HEAD_NORMS],
    ...layer({ "mlp.gate": "ffn_gate_inp" }),
    ...experts("mlp"),
  ],
};
