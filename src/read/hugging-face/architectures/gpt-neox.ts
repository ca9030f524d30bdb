/** GPT-NeoX and Pythia: queries, keys and values head by head among the rows of one projection. */
import { flagOf, headCount, headDimension, numberOf } from "../config.ts";
import { flag, uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { model, names, type Common } from "./rules.ts";

const layer = (list: Readonly<Record<string, string>>, common: Common = {}) =>
  names("gpt_neox.layers.{}.", "blk.{}.", list, common);

export const gptNeox: Architecture = {
  huggingFace: ["GPTNeoXForCausalLM"],
  gguf: "gptneox",
  tensors: [
    ...model({ "gpt_neox.embed_in": "token_embd", "gpt_neox.final_layer_norm": "output_norm" }),
    ...model({ embed_out: "output" }, { optional: true }),
    ...layer(
      { "attention.query_key_value": "attn_qkv" },
      {
        pieces: [
          {
            axes: "(head kind=3 row) ... -> (kind head row) ...",
            sizes: (config) => ({ head: headCount(config) }),
          },
        ],
      },
    ),
    ...layer({
      "attention.dense": "attn_output",
      input_layernorm: "attn_norm",
      post_attention_layernorm: "ffn_norm",
      "mlp.dense_h_to_4h": "ffn_up",
      "mlp.dense_4h_to_h": "ffn_down",
    }),
  ],
  metadata: [
    uint("rope.dimension_count", (config) =>
      Math.trunc((numberOf(config, "rotary_pct") ?? 0.25) * headDimension(config)),
    ),
    flag("use_parallel_residual", (config) => flagOf(config, "use_parallel_residual") ?? true),
  ],
  without: ["rope.freq_base", "attention.layer_norm_rms_epsilon"],
};
