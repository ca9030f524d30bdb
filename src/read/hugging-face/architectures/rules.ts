/** Lines that many architectures share: names of tensors in the order of the network, and how rows are arranged. */
import { headCount, keyValueHeadCount, type Config } from "../config.ts";
import type { Arrangement } from "../rearrange.ts";
import type { TensorRule } from "./architecture.types.ts";

/** What holds for all lines of a list. */
export type Common = Omit<TensorRule, "from" | "to">;

/** Lines from names of Hugging Face's to names of llama.cpp's, with beginnings that all of them have. */
export function names(
  from: string,
  to: string,
  list: Readonly<Record<string, string>>,
  common: Common = {},
): TensorRule[] {
  return Object.entries(list).map(([left, right]) => ({ from: from + left, to: to + right, ...common }));
}

/** Lines of a layer. */
export function layer(list: Readonly<Record<string, string>>, common: Common = {}): TensorRule[] {
  return names("model.layers.{}.", "blk.{}.", list, common);
}

/** Lines beside the layers. */
export function model(list: Readonly<Record<string, string>>, common: Common = {}): TensorRule[] {
  return names("", "", list, common);
}

/** Lines whose names are all of the tensors' names. */
export function whole(list: Readonly<Record<string, string>>, common: Common = {}): TensorRule[] {
  return layer(list, { whole: true, ...common });
}

/** Embeddings, last norm, and a head that may be the embeddings. */
export const OUTSIDE: readonly TensorRule[] = [
  ...model({ "model.embed_tokens": "token_embd", "model.norm": "output_norm" }),
  ...model({ lm_head: "output" }, { optional: true }),
];

/**
 * Rows of a projection from Hugging Face's rotary convention (first half of a head, second half) to that of the
 * architectures for which ggml rotates neighbours: row 2i + j of a head from its row j d/2 + i.
 */
export function rotary(heads: (config: Config) => number): readonly Arrangement[] {
  return [{ axes: "(heads half=2 pair) ... -> (heads pair half) ...", sizes: (config) => ({ heads: heads(config) }) }];
}

/** Attention whose queries and keys ggml rotates by neighbours. */
export const ROTARY_ATTENTION: readonly TensorRule[] = [
  ...layer({ "self_attn.q_proj": "attn_q" }, { pieces: rotary(headCount) }),
  ...layer({ "self_attn.k_proj": "attn_k" }, { pieces: rotary(keyValueHeadCount) }),
  ...layer({ "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output" }),
];

/** Attention whose rows stay in order: ggml rotates halves, or Hugging Face's own code rotates neighbours too. */
export const ATTENTION: readonly TensorRule[] = layer({
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
});

/** Norms of queries and keys. */
export const HEAD_NORMS: readonly TensorRule[] = layer({
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
});

export const NORMS: readonly TensorRule[] = layer({
  input_layernorm: "attn_norm",
  post_attention_layernorm: "ffn_norm",
});

/** Norms behind the attention and the network instead of before them. */
export const NORMS_BEHIND: readonly TensorRule[] = layer({
  post_attention_layernorm: "post_attention_norm",
  post_feedforward_layernorm: "post_ffw_norm",
});

export const NETWORK: readonly TensorRule[] = layer({
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
});

/** Experts that are tensors of their own. */
export function experts(
  block: string,
  { gate = "gate_proj", up = "up_proj", down = "down_proj" }: { gate?: string; up?: string; down?: string } = {},
  common: Common = {},
): TensorRule[] {
  const list = { [gate]: "ffn_gate_exps", [down]: "ffn_down_exps", [up]: "ffn_up_exps" };
  return names(`model.layers.{}.${block}.experts.{e}.`, "blk.{}.", list, common);
}

/** One of two halves of the rows of each expert. */
export function half(index: 0 | 1): readonly Arrangement[] {
  return [{ axes: "expert (half=2 row) ... -> expert row ...", take: () => ({ half: index }) }];
}

/** Experts that lie in one tensor already, gate and up as halves of another. */
export function stackedExperts(block: string, common: Common = {}): TensorRule[] {
  return [
    ...layer({ [`${block}.experts.gate_up_proj`]: "ffn_gate_exps.weight" }, { pieces: half(0), ...common }),
    ...layer({ [`${block}.experts.gate_up_proj`]: "ffn_up_exps.weight" }, { pieces: half(1), ...common }),
    ...layer({ [`${block}.experts.down_proj`]: "ffn_down_exps.weight" }, common),
  ];
}

/** Network of experts that all tokens pass. */
export function sharedExpert(block: string, common: Common = {}): TensorRule[] {
  const list = { gate_proj: "ffn_gate_shexp", up_proj: "ffn_up_shexp", down_proj: "ffn_down_shexp" };
  return names(`model.layers.{}.${block}.`, "blk.{}.", list, common);
}

/** The layers from the `first_k_dense_replace`-th on, or before it. */
export const isSparse = (layer: number, config: Config): boolean => layer >= denseLayers(config);
export const isDense = (layer: number, config: Config): boolean => layer < denseLayers(config);

function denseLayers({ values }: Config): number {
  const value = values["first_k_dense_replace"] ?? values["num_dense_layers"] ?? values["moe_layer_start_index"];
  return typeof value === "number" ? value : 0;
}
