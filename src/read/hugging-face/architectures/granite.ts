/** Granite 3 and 4: Llama with four scalars, with experts, and with state-space layers. */
import {
  headCount,
  hiddenSize,
  keyValueHeadCount,
  layerCount,
  listOf,
  numberOf,
  requiredNumber,
  type Config,
} from "../config.ts";
import { flag, float, ints, uint } from "../metadata-rules.ts";
import type { Architecture, MetadataRule, TensorRule } from "./architecture.types.ts";
import { llama } from "./llama.ts";
import { half, layer, NORMS, OUTSIDE, ROTARY_ATTENTION, whole, type Common } from "./rules.ts";

export const GRANITE_METADATA: readonly MetadataRule[] = [
  uint("rope.dimension_count", (config) => Math.floor(hiddenSize(config) / headCount(config))),
  float("attention.scale", "attention_multiplier"),
  float("embedding_scale", "embedding_multiplier"),
  float("residual_scale", "residual_multiplier"),
  float("logit_scale", "logits_scaling"),
];

export const granite: Architecture = {
  ...llama,
  huggingFace: ["GraniteForCausalLM"],
  gguf: "granite",
  metadata: GRANITE_METADATA,
  without: ["attention.key_length", "attention.value_length"],
};

const EXPERTS = [
  ...layer({ "block_sparse_moe.router.layer": "ffn_gate_inp", "block_sparse_moe.output_linear": "ffn_down_exps" }),
  ...layer({ "block_sparse_moe.input_linear": "ffn_gate_exps" }, { pieces: half(0) }),
  ...layer({ "block_sparse_moe.input_linear": "ffn_up_exps" }, { pieces: half(1) }),
];

/** A network that all tokens pass: gate and up as halves of one matrix. */
const halfOfRows = (index: 0 | 1) => [{ axes: "(half=2 row) ... -> row ...", take: () => ({ half: index }) }];
function sharedNetwork(ending: string, common: Common = {}) {
  return [
    ...layer({ "shared_mlp.input_linear": `ffn_gate${ending}` }, { pieces: halfOfRows(0), ...common }),
    ...layer({ "shared_mlp.input_linear": `ffn_up${ending}` }, { pieces: halfOfRows(1), ...common }),
    ...layer({ "shared_mlp.output_linear": `ffn_down${ending}` }, common),
  ];
}

const SHARED_LENGTH = uint(
  "expert_shared_feed_forward_length",
  (config) => numberOf(config, "shared_intermediate_size") || undefined,
);

export const graniteMoe: Architecture = {
  ...granite,
  huggingFace: ["GraniteMoeForCausalLM", "GraniteMoeSharedForCausalLM"],
  gguf: "granitemoe",
  tensors: [...[...OUTSIDE, ...NORMS, ...ROTARY_ATTENTION], ...EXPERTS, ...sharedNetwork("_shexp", { optional: true })],
  metadata: [...GRANITE_METADATA, SHARED_LENGTH],
};

const hasExperts = (config: Config): boolean => (numberOf(config, "num_local_experts") ?? 0) > 0;
const isAttention = (index: number, config: Config): boolean => listOf(config, "layer_types")[index] === "attention";
const isMamba = (index: number, config: Config): boolean => !isAttention(index, config);
const isHybrid = (config: Config): boolean => listOf(config, "layer_types").includes("mamba");

/** State-space layers, as in Mamba 2. */
const MAMBA: readonly TensorRule[] = [
  ...layer({ "mamba.in_proj": "ssm_in", "mamba.out_proj": "ssm_out" }, { layers: isMamba }),
  ...layer(
    { "mamba.conv1d.weight": "ssm_conv1d.weight" },
    { layers: isMamba, pieces: [{ axes: "channel one tap -> channel tap" }] },
  ),
  ...layer({ "mamba.conv1d.bias": "ssm_conv1d.bias" }, { layers: isMamba }),
  ...whole({ "mamba.dt_bias": "ssm_dt.bias" }, { layers: isMamba }),
  ...whole(
    { "mamba.A_log": "ssm_a" },
    { layers: isMamba, map: "negative-exponential", pieces: [{ axes: "(head one=1) -> head one" }] },
  ),
  ...whole({ "mamba.D": "ssm_d" }, { layers: isMamba, pieces: [{ axes: "(head one=1) -> head one" }] }),
  ...layer(
    { "mamba.norm": "ssm_norm" },
    {
      layers: isMamba,
      pieces: [
        { axes: "(group row) -> group row", sizes: (config) => ({ group: requiredNumber(config, "mamba_n_groups") }) },
      ],
    },
  ),
];

const innerSize = (config: Config): number => (numberOf(config, "mamba_expand") ?? 2) * hiddenSize(config);

const HYBRID_METADATA: readonly MetadataRule[] = [
  uint("context_length", () => 2 ** 20),
  // No heads of keys and values tell llama.cpp that a layer has a state space.
  ints("attention.head_count_kv", (config) =>
    Array.from({ length: layerCount(config) }, (_, index) =>
      isAttention(index, config) ? keyValueHeadCount(config) : 0,
    ),
  ),
  uint("ssm.conv_kernel", "mamba_d_conv"),
  uint("ssm.state_size", "mamba_d_state"),
  uint("ssm.group_count", "mamba_n_groups"),
  uint("ssm.inner_size", innerSize),
  uint("ssm.time_step_rank", (config) => innerSize(config) / requiredNumber(config, "mamba_d_head")),
  flag("rope.scaling.finetuned", ({ values }) => values["position_embedding_type"] === "rope"),
];

/** Granite 4: one class name for models with state-space layers and for those without. */
export const graniteHybrid: Architecture = {
  ...granite,
  huggingFace: ["GraniteMoeHybridForCausalLM"],
  gguf: (config) => (isHybrid(config) ? "granitehybrid" : hasExperts(config) ? "granitemoe" : "granite"),
  tensors: (config) => [
    ...[...OUTSIDE, ...NORMS],
    ...ROTARY_ATTENTION.map((rule) => ({ ...rule, layers: isAttention })),
    ...(isHybrid(config) ? MAMBA : []),
    ...(hasExperts(config) ? [...EXPERTS, ...sharedNetwork("_shexp")] : sharedNetwork("")),
  ],
  metadata: [
    ...GRANITE_METADATA,
    SHARED_LENGTH,
    ...HYBRID_METADATA.map(({ key, value }): MetadataRule => {
      return { key, value: (config) => (isHybrid(config) ? value(config) : undefined) };
    }),
  ],
};
