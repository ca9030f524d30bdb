/**
 * DeepSeek V2 and V3, Kimi K2: latent attention, which llama.cpp evaluates with one wide head of keys and values. The
 * projection from the latent is cut into that of keys, transposed, and that of values.
 */
import { countOf, flagOf, headCount, layerCount, numberOf, requiredNumber, valueOf, type Config } from "../config.ts";
import { flag, float, uint } from "../metadata-rules.ts";
import { ropeNumber } from "../rope.ts";
import type { Architecture } from "./architecture.types.ts";
import { experts, isDense, isSparse, layer, NETWORK, NORMS, OUTSIDE, sharedExpert } from "./rules.ts";

const nope = (config: Config) => countOf(config, "qk_nope_head_dim");
const rotated = (config: Config) => countOf(config, "qk_rope_head_dim");
const value = (config: Config) => countOf(config, "v_head_dim");
const rank = (config: Config) => numberOf(config, "kv_lora_rank") ?? 512;

const heads = (config: Config) => ({ head: headCount(config), row: nope(config) + value(config) });
const KEYS = [
  {
    axes: "(head row) rank -> head rank row",
    sizes: heads,
    take: (config: Config) => ({ row: [0, nope(config)] as const }),
  },
];
const VALUES = [
  {
    axes: "(head row) rank -> head row rank",
    sizes: heads,
    take: (config: Config) => ({ row: [nope(config), value(config)] as const }),
  },
];

/** Whether queries come from a latent too is told by the rank; V2-Lite has none. */
const hasQueryRank = (_: number, config: Config) => valueOf(config, "q_lora_rank") !== undefined;
const lacksQueryRank = (index: number, config: Config) => !hasQueryRank(index, config);
/** Models without experts have the class name as well. */
const dense = (index: number, config: Config) =>
  isDense(index, config) || valueOf(config, "n_routed_experts") === undefined;
const sparse = (index: number, config: Config) => !dense(index, config) && isSparse(index, config);

export const deepseek2: Architecture = {
  huggingFace: [
    ...["DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "KimiVLForConditionalGeneration"],
    ...["KimiK25ForConditionalGeneration", "YoutuForCausalLM"],
  ],
  gguf: "deepseek2",
  defaults: { rms_norm_eps: 1e-6 },
  tensors: [
    ...[...OUTSIDE, ...NORMS],
    ...layer({ "self_attn.q_proj": "attn_q" }, { layers: lacksQueryRank }),
    ...layer(
      {
        "self_attn.q_a_proj": "attn_q_a",
        "self_attn.q_a_layernorm": "attn_q_a_norm",
        "self_attn.q_b_proj": "attn_q_b",
      },
      { layers: hasQueryRank },
    ),
    ...layer({ "self_attn.kv_a_proj_with_mqa": "attn_kv_a_mqa", "self_attn.kv_a_layernorm": "attn_kv_a_norm" }),
    ...layer({ "self_attn.kv_b_proj": "attn_k_b" }, { pieces: KEYS }),
    ...layer({ "self_attn.kv_b_proj": "attn_v_b" }, { pieces: VALUES }),
    ...layer({ "self_attn.o_proj": "attn_output" }),
    ...NETWORK.map((rule) => ({ ...rule, layers: dense })),
    ...layer({ "mlp.gate": "ffn_gate_inp" }, { layers: sparse }),
    ...layer({ "mlp.gate.e_score_correction_bias": "exp_probs_b.bias" }, { optional: true }),
    ...experts("mlp", {}, { layers: sparse }),
    ...sharedExpert("mlp.shared_experts", { optional: true }),
  ],
  layersBehind: "drop",
  metadata: [
    uint("attention.head_count_kv", () => 1),
    uint("leading_dense_block_count", (config) => {
      const otherwise = valueOf(config, "n_routed_experts") === undefined ? layerCount(config) : 0;
      return numberOf(config, "first_k_dense_replace") ?? otherwise;
    }),
    uint("attention.q_lora_rank", "q_lora_rank"),
    uint("attention.kv_lora_rank", rank),
    uint("attention.key_length", (config) => rank(config) + rotated(config)),
    uint("attention.value_length", rank),
    uint("attention.key_length_mla", (config) => nope(config) + rotated(config)),
    uint("attention.value_length_mla", value),
    uint("expert_feed_forward_length", ["moe_intermediate_size", "intermediate_size"]),
    uint("expert_shared_count", (config) => numberOf(config, "n_shared_experts") ?? 0),
    float("expert_weights_scale", "routed_scaling_factor"),
    flag("expert_weights_norm", (config) => (flagOf(config, "norm_topk_prob") === true ? true : undefined)),
    uint("rope.dimension_count", (config) => requiredNumber(config, "qk_rope_head_dim")),
    float("rope.scaling.yarn_log_multiplier", (config) => {
      const scale = ropeNumber(config, "mscale_all_dim");
      return scale === undefined ? undefined : 0.1 * scale;
    }),
  ],
};
