/** EXAONE 3 and 4. */
import { headDimension } from "../config.ts";
import { float, uint } from "../metadata-rules.ts";
import { partialDimension } from "../rope.ts";
import type { Architecture } from "./architecture.types.ts";
import { WINDOW_METADATA } from "./olmo.ts";
import { ATTENTION, HEAD_NORMS, model, names, NETWORK, NORMS_BEHIND, OUTSIDE } from "./rules.ts";

const layer = (list: Readonly<Record<string, string>>) => names("transformer.h.{}.", "blk.{}.", list);

export const exaone: Architecture = {
  huggingFace: ["ExaoneForCausalLM"],
  gguf: "exaone",
  tensors: [
    ...model({ "transformer.wte": "token_embd", "transformer.ln_f": "output_norm" }),
    ...model({ lm_head: "output" }, { optional: true }),
    ...layer({
      ln_1: "attn_norm",
      "attn.attention.q_proj": "attn_q",
      "attn.attention.k_proj": "attn_k",
      "attn.attention.v_proj": "attn_v",
      "attn.attention.out_proj": "attn_output",
      ln_2: "ffn_norm",
      "mlp.c_fc_0": "ffn_gate",
      "mlp.c_fc_1": "ffn_up",
      "mlp.c_proj": "ffn_down",
    }),
  ],
  metadata: [
    // Its norms are of the kind for which llama.cpp reads this, beside the one that its converter writes.
    float("attention.layer_norm_rms_epsilon", ["layer_norm_epsilon", "rms_norm_eps"]),
    uint("rope.dimension_count", (config) => partialDimension(config, 1)),
  ],
  rope: ["llama3"],
};

export const exaone4: Architecture = {
  huggingFace: ["Exaone4ForCausalLM"],
  gguf: "exaone4",
  tensors: [...OUTSIDE, ...NORMS_BEHIND, ...ATTENTION, ...HEAD_NORMS, ...NETWORK],
  metadata: WINDOW_METADATA,
  rope: ["llama3"],
  ropeDimension: headDimension,
};
