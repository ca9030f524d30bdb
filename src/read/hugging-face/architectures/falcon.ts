/** Falcon: one head of keys and values, or a few, among the rows of one projection. */
import { headCount, hiddenSize, numberOf, valueOf, type Config } from "../config.ts";
import { text, uint } from "../metadata-rules.ts";
import type { Arrangement } from "../rearrange.ts";
import type { Architecture } from "./architecture.types.ts";
import { model, names, type Common } from "./rules.ts";

const layer = (list: Readonly<Record<string, string>>, common: Common = {}) =>
  names("transformer.h.{}.", "blk.{}.", list, common);

const groups = (config: Config) => numberOf(config, "num_kv_heads", "n_head_kv") ?? 1;
/** Queries of a group of heads, which share a key and a value. */
const queries = (config: Config) => headCount(config) / groups(config);

/** Rows lie group by group: its queries, its key, its value. llama.cpp wants all queries, all keys, all values. */
function picked(from: (config: Config) => number, count: (config: Config) => number): Arrangement {
  return {
    axes: "(group member row) ... -> (group member row) ...",
    sizes: (config) => ({ group: groups(config), member: queries(config) + 2 }),
    take: (config) => ({ member: [from(config), count(config)] }),
  };
}
const one = () => 1;
const PROJECTION = [picked(() => 0, queries), picked(queries, one), picked((config) => queries(config) + 1, one)];

export const falcon: Architecture = {
  huggingFace: ["FalconForCausalLM", "RWForCausalLM"],
  gguf: "falcon",
  tensors: [
    ...model({ "transformer.word_embeddings": "token_embd", "transformer.ln_f": "output_norm" }),
    ...model({ lm_head: "output" }, { optional: true }),
    // The 7B has one norm; the larger ones have one for the attention and one for the network.
    ...layer({ input_layernorm: "attn_norm", ln_mlp: "attn_norm" }),
    ...layer({ ln_attn: "attn_norm_2" }, { optional: true }),
    ...layer({ "self_attention.query_key_value": "attn_qkv" }, { pieces: PROJECTION }),
    ...layer({
      "self_attention.dense": "attn_output",
      "mlp.dense_h_to_4h": "ffn_up",
      "mlp.dense_4h_to_h": "ffn_down",
    }),
  ],
  metadata: [
    uint("context_length", () => 2048),
    text("tensor_data_layout", () => "jploski"),
    uint("feed_forward_length", (config) => 4 * hiddenSize(config)),
    uint("attention.head_count_kv", groups),
  ],
  without: ["rope.freq_base"],
  notes: (config) =>
    valueOf(config, "alibi") === true ? ["the config has alibi, which llama.cpp does not compute for Falcon"] : [],
};
