/** Hunyuan, dense and with experts: a base frequency that is raised for long contexts. */
import { headDimension, numberOf, valueOf, type Config } from "../config.ts";
import { float, text, uint } from "../metadata-rules.ts";
import { ropeNumber, ropeParameters } from "../rope.ts";
import type { Architecture, MetadataRule } from "./architecture.types.ts";
import { ATTENTION, experts, layer, NETWORK, NORMS, OUTSIDE, sharedExpert } from "./rules.ts";

const HEAD_NORMS = layer(
  { "self_attn.query_layernorm": "attn_q_norm", "self_attn.key_layernorm": "attn_k_norm" },
  { optional: true },
);

/** Context of the models whose frequencies are raised. */
const LONG_CONTEXT = 256 * 1024;

/** The factor of "dynamic" scaling, where it is one. */
function alpha(config: Config): number | undefined {
  const type = ropeParameters(config)["rope_type"] ?? ropeParameters(config)["type"];
  const value = ropeNumber(config, "alpha");
  return type === "dynamic" && value !== undefined && value !== 0 ? value : undefined;
}

const ROPE: readonly MetadataRule[] = [
  text("rope.scaling.type", (config) => (alpha(config) === undefined ? undefined : "none")),
  float("rope.scaling.factor", (config) => (alpha(config) === undefined ? undefined : 1)),
  uint("rope.scaling.original_context_length", (config) => (alpha(config) === undefined ? undefined : LONG_CONTEXT)),
  uint("context_length", (config) =>
    alpha(config) === undefined ? numberOf(config, "max_position_embeddings") : LONG_CONTEXT,
  ),
  float("rope.freq_base", (config) => {
    const [factor, theta] = [alpha(config), ropeNumber(config, "rope_theta")];
    const dimension = numberOf(config, "head_dim", "attention_head_dim") ?? headDimension(config);
    return factor === undefined ? theta : (theta ?? 10000) * factor ** (dimension / (dimension - 2));
  }),
];

export const hunyuanDense: Architecture = {
  huggingFace: ["HunYuanDenseV1ForCausalLM"],
  gguf: "hunyuan-dense",
  tensors: [...OUTSIDE, ...NORMS, ...ATTENTION, ...HEAD_NORMS, ...NETWORK],
  metadata: ROPE,
  rope: ["dynamic"],
};

/** A number that is the same for all layers, where a config has one for each. */
function common(key: string): (config: Config) => number | undefined {
  return ({ values }) => {
    const value = values[key];
    const first: unknown = Array.isArray(value) ? value[0] : value;
    return typeof first === "number" ? first : undefined;
  };
}

export const hunyuanMoe: Architecture = {
  huggingFace: ["HunYuanMoEV1ForCausalLM"],
  gguf: "hunyuan-moe",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION, ...HEAD_NORMS],
    ...layer({ "mlp.gate.wg": "ffn_gate_inp" }),
    ...experts("mlp"),
    ...sharedExpert("mlp.shared_mlp"),
  ],
  metadata: [
    ...ROPE,
    uint("expert_shared_feed_forward_length", "intermediate_size"),
    uint("expert_feed_forward_length", common("moe_intermediate_size")),
    uint("expert_used_count", common("moe_topk")),
    uint("expert_shared_count", (config) =>
      valueOf(config, "num_shared_expert") === undefined ? undefined : common("num_shared_expert")(config),
    ),
  ],
  rope: ["dynamic"],
};
