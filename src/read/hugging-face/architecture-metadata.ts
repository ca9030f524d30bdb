/** From `config.json` to the keys under the architecture's name that llama.cpp's converter writes. */
import { QuantizeError } from "../../errors.ts";
import type { Metadata } from "../model.ts";
import type { Architecture, MetadataRule } from "./architectures/architecture.types.ts";
import { layerCount, valueOf, type Config } from "./config.ts";
import { flag, float, uint } from "./metadata-rules.ts";
import { addRopeMetadata, type Rope } from "./rope.ts";

/** `llama_expert_gating_func_type`. */
const GATING: Readonly<Record<string, number>> = { softmax: 1, sigmoid: 2, sqrtsoftplus: 4 };
const GATING_KEYS = [
  "score_function",
  "scoring_func",
  "score_func",
  "moe_router_activation",
  "moe_router_activation_func",
];

/** Keys that every architecture has, where its config says something of them. */
const BEFORE_ROPE: readonly MetadataRule[] = [
  uint("block_count", (config) => layerCount(config) + config.layersBehind),
  uint("context_length", [
    ...["max_position_embeddings", "n_ctx", "n_positions", "max_length", "max_sequence_length", "model_max_length"],
  ]),
  uint("embedding_length", ["hidden_size", "n_embd", "dim"]),
  uint("feed_forward_length", [
    ...["prefix_dense_intermediate_size", "dense_intermediate_size", "intermediate_size", "n_inner", "hidden_dim"],
  ]),
  uint("attention.head_count", ["num_attention_heads", "n_head", "n_heads"]),
  uint("attention.head_count_kv", ["num_key_value_heads", "n_kv_heads"]),
  flag("attention.causal", (config) => (valueOf(config, "is_causal") === false ? false : undefined)),
];
const BEHIND_ROPE: readonly MetadataRule[] = [
  float("attention.layer_norm_rms_epsilon", ["rms_norm_eps", "norm_eps"]),
  float("attention.layer_norm_epsilon", ["layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"]),
  uint("expert_count", ["num_local_experts", "num_experts", "n_routed_experts"]),
  uint("expert_used_count", ["num_experts_per_tok", "num_experts_per_token", "top_k_experts"]),
  uint("expert_group_count", "n_group"),
  uint("expert_group_used_count", "topk_group"),
  uint("expert_gating_func", (config) => GATING[String(valueOf(config, ...GATING_KEYS))]),
  uint("attention.key_length", "head_dim"),
  uint("attention.value_length", "head_dim"),
];

/** Keys without which llama.cpp loads no model. */
const REQUIRED: readonly (readonly [key: string, config: string])[] = [
  ["context_length", "max_position_embeddings"],
  ["embedding_length", "hidden_size"],
  ["feed_forward_length", "intermediate_size"],
  ["attention.head_count", "num_attention_heads"],
];

/**
 * Adds the keys of a model.
 * @param name of the architecture
 * @throws QuantizeError `bad-format` naming a key of the config
 */
export function addArchitectureMetadata(
  metadata: Metadata,
  name: string,
  { metadata: own = [], without = [] }: Architecture,
  config: Config,
  rope: Rope,
): void {
  const set = ({ key, value }: MetadataRule) => {
    const found = value(config);
    if (found === undefined) return;
    if (found.type === "uint32") checkCount(config, key, found.value);
    metadata.set(`${name}.${key}`, found);
  };
  BEFORE_ROPE.forEach(set);
  addRopeMetadata(metadata, name, rope);
  BEHIND_ROPE.forEach(set);
  for (const key of without) metadata.delete(`${name}.${key}`);
  own.forEach(set);
  for (const [key, stated] of REQUIRED) {
    if (metadata.has(`${name}.${key}`)) continue;
    throw new QuantizeError("bad-format", `${config.where}: key "${stated}": expected a whole number, found none`);
  }
}

/** Counts go into 32 bits, and are whole. */
function checkCount({ where, values }: Config, key: string, value: unknown): void {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value < 2 ** 32) return;
  const [source] = Object.entries(values).find(([, candidate]) => candidate === value) ?? [key];
  throw new QuantizeError("bad-format", `${where}: key "${source}": expected a whole number, found ${String(value)}`);
}
