/** GPT-2: learned positions, and matrices with input before output. */
import { hiddenSize } from "../config.ts";
import { uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { model, names, type Common } from "./rules.ts";

/** Matrices only: biases have one axis. */
const TRANSPOSED = { pieces: [{ axes: "in out -> out in" }] };

const layer = (list: Readonly<Record<string, string>>, common: Common = {}) => names("h.{}.", "blk.{}.", list, common);

export const gpt2: Architecture = {
  huggingFace: ["GPT2LMHeadModel"],
  gguf: "gpt2",
  prefixes: ["transformer."],
  tensors: [
    ...model({ wte: "token_embd", wpe: "position_embd", ln_f: "output_norm" }),
    ...model({ lm_head: "output" }, { optional: true }),
    ...layer({ ln_1: "attn_norm", ln_2: "ffn_norm" }),
    ...layer(
      {
        "attn.c_attn.weight": "attn_qkv.weight",
        "attn.c_proj.weight": "attn_output.weight",
        "mlp.c_fc.weight": "ffn_up.weight",
        "mlp.c_proj.weight": "ffn_down.weight",
      },
      TRANSPOSED,
    ),
    ...layer({
      "attn.c_attn.bias": "attn_qkv.bias",
      "attn.c_proj.bias": "attn_output.bias",
      "mlp.c_fc.bias": "ffn_up.bias",
      "mlp.c_proj.bias": "ffn_down.bias",
    }),
  ],
  // Masks, which are no weights.
  dropped: [/\.attn\.(bias|masked_bias)$/],
  metadata: [uint("feed_forward_length", (config) => 4 * hiddenSize(config))],
};
