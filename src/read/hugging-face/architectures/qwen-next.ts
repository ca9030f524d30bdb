/**
 * Qwen 3 Next and Qwen 3.5: layers of linear attention with every fourth of full attention, norms stored minus one, a
 * layer behind the last one that predicts a second token.
 */
import { countOf, layerCount, listOf, numberOf, type Config } from "../config.ts";
import { flags, ints, uint } from "../metadata-rules.ts";
import type { Arrangement } from "../rearrange.ts";
import { partialDimension, ropeParameters } from "../rope.ts";
import type { Architecture, MetadataRule, TensorRule } from "./architecture.types.ts";
import { QWEN_EXPERTS, QWEN_MOE_METADATA, QWEN_SHARED_EXPERT } from "./qwen-moe.ts";
import { ATTENTION, layer, model, NETWORK, whole } from "./rules.ts";

const INTERVAL = 4;

/** True for layers of linear attention; those behind the last one have full attention. */
const isLinear = (index: number, config: Config): boolean => {
  const type = listOf(config, "layer_types")[index];
  if (index >= layerCount(config)) return false;
  if (type !== undefined) return type === "linear_attention";
  return (index + 1) % (numberOf(config, "full_attention_interval") ?? INTERVAL) !== 0;
};
const isFull = (index: number, config: Config): boolean => !isLinear(index, config);

const keyHeads = (config: Config) => countOf(config, "linear_num_key_heads");
const valueHeads = (config: Config) => countOf(config, "linear_num_value_heads");
const keyDimension = (config: Config) => countOf(config, "linear_key_head_dim");
const valueDimension = (config: Config) => countOf(config, "linear_value_head_dim");

/** Both: norms, full attention, what linear attention has beside its projections. */
const SHARED: readonly TensorRule[] = [
  ...model({ "model.embed_tokens": "token_embd" }),
  ...model({ lm_head: "output" }, { optional: true }),
  ...model({ "model.norm": "output_norm" }, { map: "plus-one" }),
  ...layer({ input_layernorm: "attn_norm", post_attention_layernorm: "post_attention_norm" }, { map: "plus-one" }),
  ...ATTENTION.map((rule) => ({ ...rule, layers: isFull })),
  ...layer(
    { "self_attn.q_norm": "attn_q_norm", "self_attn.k_norm": "attn_k_norm" },
    { map: "plus-one", layers: isFull },
  ),
  ...layer({ "linear_attn.norm": "ssm_norm" }, { layers: isLinear }),
  ...layer({ eh_proj: "nextn.eh_proj" }, { optional: true }),
  ...layer(
    { enorm: "nextn.enorm", hnorm: "nextn.hnorm", "shared_head.norm": "nextn.shared_head_norm" },
    { optional: true, map: "plus-one" },
  ),
];

/** Names under `mtp.`, as those of a layer behind the last one. */
const renamed: Architecture["renamed"] = (config) => {
  const behind = (name: string) => `model.layers.${layerCount(config)}.${name}.`;
  return [
    [/^(?:model\.)?mtp\.layers\.(\d+)\./, (_, index) => `model.layers.${layerCount(config) + Number(index)}.`],
    [/^(?:model\.)?mtp\.fc\./, behind("eh_proj")],
    [/^(?:model\.)?mtp\.pre_fc_norm_embedding\./, behind("enorm")],
    [/^(?:model\.)?mtp\.pre_fc_norm_hidden\./, behind("hnorm")],
    [/^(?:model\.)?mtp\.norm\./, behind("shared_head.norm")],
  ];
};

const METADATA: readonly MetadataRule[] = [
  uint("nextn_predict_layers", ({ layersBehind }) => (layersBehind === 0 ? undefined : layersBehind)),
  uint("ssm.conv_kernel", "linear_conv_kernel_dim"),
  uint("ssm.state_size", "linear_key_head_dim"),
  uint("ssm.group_count", "linear_num_key_heads"),
  uint("ssm.time_step_rank", "linear_num_value_heads"),
  uint("ssm.inner_size", (config) => valueHeads(config) * valueDimension(config)),
  flags("attention.recurrent_layers", (config) =>
    Array.from({ length: layerCount(config) + config.layersBehind }, (_, index) => isLinear(index, config)),
  ),
  uint("full_attention_interval", (config) => numberOf(config, "full_attention_interval") ?? INTERVAL),
  uint("rope.dimension_count", (config) => partialDimension(config, 0.25)),
];

/** Rows of one projection, key head by key head: query, key, its values, their gates. */
function picked(part: "query" | "key" | "value" | "gate"): Arrangement {
  return {
    axes: "(head row) ... -> (head row) ...",
    sizes: (config) => ({ head: keyHeads(config) }),
    take: (config) => {
      const key = keyDimension(config);
      const values = (valueHeads(config) / keyHeads(config)) * valueDimension(config);
      const [from, count] = {
        query: [0, key],
        key: [key, key],
        value: [2 * key, values],
        gate: [2 * key + values, values],
      }[part] as [number, number];
      return { row: [from, count] };
    },
  };
}

export const qwen3next: Architecture = {
  huggingFace: ["Qwen3NextForCausalLM"],
  gguf: "qwen3next",
  tensors: [
    ...SHARED,
    ...layer(
      { "linear_attn.in_proj_qkvz": "attn_qkv" },
      { layers: isLinear, pieces: [picked("query"), picked("key"), picked("value")] },
    ),
    ...layer({ "linear_attn.in_proj_qkvz": "attn_gate" }, { layers: isLinear, pieces: [picked("gate")] }),
    ...layer({ "linear_attn.in_proj_ba": "ssm_ba", "linear_attn.out_proj": "ssm_out" }, { layers: isLinear }),
    ...layer(
      { "linear_attn.conv1d": "ssm_conv1d" },
      { layers: isLinear, pieces: [{ axes: "channel one tap -> channel tap" }] },
    ),
    ...whole({ "linear_attn.A_log": "ssm_a" }, { layers: isLinear, map: "negative-exponential" }),
    ...whole({ "linear_attn.dt_bias": "ssm_dt.bias" }, { layers: isLinear }),
    ...QWEN_EXPERTS,
    ...QWEN_SHARED_EXPERT,
  ],
  renamed,
  layersBehind: "keep",
  metadata: [...QWEN_MOE_METADATA, ...METADATA],
};

/**
 * Qwen 3.5 keeps the heads of values by key head; ggml repeats key heads as a whole, so value heads come in the order
 * first of every key head, second of every key head, ...
 */
const tiled = (config: Config) => ({ key: keyHeads(config), value: valueHeads(config) / keyHeads(config) });
const TILED_ROWS: Arrangement = { axes: "(key value row) ... -> (value key row) ...", sizes: tiled };
const TILED_VALUES: Arrangement = { axes: "(key value) ... -> (value key) ...", sizes: tiled };
const TILED_COLUMNS: Arrangement = { axes: "row (key value column) -> row (value key column)", sizes: tiled };

/** Rows of queries and keys as they are, then those of values tiled. */
function withTiledValues(rest: string, result: string): readonly Arrangement[] {
  const before = (config: Config) => 2 * keyHeads(config) * keyDimension(config);
  return [
    { rows: (config) => [0, before(config)], axes: `row ${rest} -> row ${result}` },
    {
      rows: (config) => [before(config)],
      axes: `(key value row) ${rest} -> (value key row) ${result}`,
      sizes: tiled,
    },
  ];
}

const QWEN35: readonly TensorRule[] = [
  ...SHARED,
  ...layer({ "linear_attn.in_proj_qkv": "attn_qkv" }, { layers: isLinear, pieces: withTiledValues("...", "...") }),
  ...layer({ "linear_attn.conv1d": "ssm_conv1d" }, { layers: isLinear, pieces: withTiledValues("one tap", "tap") }),
  ...layer({ "linear_attn.in_proj_z": "attn_gate" }, { layers: isLinear, pieces: [TILED_ROWS] }),
  ...layer(
    { "linear_attn.in_proj_a": "ssm_alpha", "linear_attn.in_proj_b": "ssm_beta" },
    { layers: isLinear, pieces: [TILED_VALUES] },
  ),
  ...layer({ "linear_attn.out_proj": "ssm_out" }, { layers: isLinear, pieces: [TILED_COLUMNS] }),
  ...whole({ "linear_attn.A_log": "ssm_a" }, { layers: isLinear, map: "negative-exponential", pieces: [TILED_VALUES] }),
  ...whole({ "linear_attn.dt_bias": "ssm_dt.bias" }, { layers: isLinear, pieces: [TILED_VALUES] }),
];

/** Required by llama.cpp, and left out by configs that have what transformers takes unasked. */
const SECTIONS = ints("rope.dimension_sections", (config) =>
  ropeParameters(config)["mrope_section"] === undefined ? [11, 11, 10, 0] : undefined,
);

export const qwen35: Architecture = {
  huggingFace: ["Qwen3_5ForConditionalGeneration", "Qwen3_5ForCausalLM"],
  gguf: "qwen35",
  tensors: [...QWEN35, ...NETWORK],
  renamed,
  layersBehind: "keep",
  metadata: [SECTIONS, ...METADATA],
};

export const qwen35moe: Architecture = {
  ...qwen35,
  huggingFace: ["Qwen3_5MoeForConditionalGeneration", "Qwen3_5MoeForCausalLM"],
  gguf: "qwen35moe",
  tensors: [...QWEN35, ...QWEN_EXPERTS, ...QWEN_SHARED_EXPERT],
  metadata: [SECTIONS, ...QWEN_MOE_METADATA, ...METADATA],
};
