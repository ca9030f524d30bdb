/** InternLM 2: queries, keys and values of a group of heads together among the rows of one projection. */
import { headCount, keyValueHeadCount, type Config } from "../config.ts";
import type { Arrangement } from "../rearrange.ts";
import type { Architecture } from "./architecture.types.ts";
import { layer, model } from "./rules.ts";

/** Queries of a group, which share a key and a value. */
const queries = (config: Config) => headCount(config) / keyValueHeadCount(config);
const sizes = (config: Config) => ({ group: keyValueHeadCount(config), member: queries(config) + 2 });

/** Members of each group, their rows in ggml's rotary order. */
function rotated(take: (config: Config) => readonly [number, number]): readonly Arrangement[] {
  const axes = "(group member half=2 pair) ... -> (group member pair half) ...";
  return [{ axes, sizes, take: (config) => ({ member: take(config) }) }];
}

export const internlm2: Architecture = {
  huggingFace: ["InternLM2ForCausalLM"],
  gguf: "internlm2",
  tensors: [
    ...model({ "model.tok_embeddings": "token_embd", "model.norm": "output_norm" }),
    ...model({ output: "output" }, { optional: true }),
    ...layer({ "attention.wqkv": "attn_q" }, { pieces: rotated((config) => [0, queries(config)]) }),
    ...layer({ "attention.wqkv": "attn_k" }, { pieces: rotated((config) => [queries(config), 1]) }),
    ...layer(
      { "attention.wqkv": "attn_v" },
      {
        pieces: [
          {
            axes: "(group member row) ... -> (group row) ...",
            sizes,
            take: (config) => ({ member: queries(config) + 1 }),
          },
        ],
      },
    ),
    ...layer({
      "attention.wo": "attn_output",
      attention_norm: "attn_norm",
      ffn_norm: "ffn_norm",
      "feed_forward.w1": "ffn_gate",
      "feed_forward.w2": "ffn_down",
      "feed_forward.w3": "ffn_up",
    }),
  ],
  specialTokens: { always: { eos: "<|im_end|>" } },
};
