/** StableLM 2: part of each head is rotated; the 12B has a norm for every head. */
import { flagOf, headCount, keyValueHeadCount, numberOf } from "../config.ts";
import { flag, float, uint } from "../metadata-rules.ts";
import { partialDimension } from "../rope.ts";
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, layer, NETWORK, OUTSIDE } from "./rules.ts";

export const stablelm: Architecture = {
  huggingFace: ["StableLmForCausalLM", "StableLMEpochForCausalLM"],
  gguf: "stablelm",
  tensors: [
    ...[...OUTSIDE, ...ATTENTION, ...NETWORK],
    ...layer({ input_layernorm: "attn_norm" }),
    ...layer({ post_attention_layernorm: "ffn_norm" }, { optional: true }),
    ...layer({ "self_attn.q_layernorm.norms.{e}": "attn_q_norm" }, { optional: true, members: headCount }),
    ...layer({ "self_attn.k_layernorm.norms.{e}": "attn_k_norm" }, { optional: true, members: keyValueHeadCount }),
  ],
  metadata: [
    uint("rope.dimension_count", (config) => partialDimension(config, 0.25, "partial_rotary_factor", "rope_pct")),
    flag("use_parallel_residual", (config) => flagOf(config, "use_parallel_residual") ?? true),
    float("attention.layer_norm_epsilon", (config) => numberOf(config, "layer_norm_eps", "norm_eps") ?? 1e-5),
  ],
  without: ["rope.freq_base", "attention.layer_norm_rms_epsilon"],
};
