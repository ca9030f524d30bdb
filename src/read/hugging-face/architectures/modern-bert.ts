/** ModernBERT: rotary positions, windows in two of three layers, no norm before the first attention. */
import { flag, text, uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { model, names, type Common } from "./rules.ts";

const layer = (list: Readonly<Record<string, string>>, common: Common = {}) =>
  names("layers.{}.", "blk.{}.", list, common);

export const modernBert: Architecture = {
  huggingFace: ["ModernBertModel", "ModernBertForMaskedLM"],
  gguf: "modern-bert",
  prefixes: ["model."],
  tensors: [
    ...model({
      "embeddings.tok_embeddings": "token_embd",
      "embeddings.norm": "token_embd_norm",
      final_norm: "output_norm",
    }),
    ...layer({ attn_norm: "attn_norm" }, { layers: (index) => index > 0 }),
    ...layer({
      "attn.Wqkv": "attn_qkv",
      "attn.Wo": "attn_output",
      mlp_norm: "ffn_norm",
      "mlp.Wi": "ffn_up",
      "mlp.Wo": "ffn_down",
    }),
  ],
  dropped: [/^(head|decoder)\./],
  metadata: [
    flag("attention.causal", () => false),
    uint("attention.sliding_window", "local_attention"),
    uint("attention.sliding_window_pattern", "global_attn_every_n_layers"),
    text("rope.scaling.type", () => "none"),
    text("hidden_activation", "hidden_activation"),
  ],
  specialTokens: { adds: { bos: true, eos: true, sep: true } },
  pools: true,
};
