/** LFM 2: short convolutions, with attention in some layers. */
import { flagOf, keyValueHeadCount, layerCount, listOf, numberOf, requiredNumber, type Config } from "../config.ts";
import { ints, uint } from "../metadata-rules.ts";
import type { Architecture, MetadataRule, TensorRule } from "./architecture.types.ts";
import { experts, layer, model } from "./rules.ts";

const hasAttention = (index: number, config: Config): boolean => {
  const types = listOf(config, "layer_types");
  return types.length > 0 ? types[index] === "full_attention" : listOf(config, "full_attn_idxs").includes(index);
};
const hasConvolution = (index: number, config: Config): boolean => !hasAttention(index, config);

const SHARED: readonly TensorRule[] = [
  ...model({ "model.embed_tokens": "token_embd", "model.embedding_norm": "token_embd_norm" }),
  ...model({ lm_head: "output" }, { optional: true }),
  ...layer({ operator_norm: "attn_norm", ffn_norm: "ffn_norm" }),
  ...layer(
    {
      "self_attn.q_proj": "attn_q",
      "self_attn.k_proj": "attn_k",
      "self_attn.v_proj": "attn_v",
      "self_attn.out_proj": "attn_output",
      "self_attn.q_layernorm": "attn_q_norm",
      "self_attn.k_layernorm": "attn_k_norm",
    },
    { layers: hasAttention },
  ),
  ...layer({ "conv.in_proj": "shortconv.in_proj", "conv.out_proj": "shortconv.out_proj" }, { layers: hasConvolution }),
  ...layer(
    { "conv.conv": "shortconv.conv" },
    { layers: hasConvolution, pieces: [{ axes: "channel one tap -> channel tap" }] },
  ),
];

const NETWORK = { "feed_forward.w1": "ffn_gate", "feed_forward.w2": "ffn_down", "feed_forward.w3": "ffn_up" };

const METADATA: readonly MetadataRule[] = [
  // No heads of keys and values tell llama.cpp that a layer has a convolution.
  ints("attention.head_count_kv", (config) =>
    Array.from({ length: layerCount(config) }, (_, index) =>
      hasAttention(index, config) ? keyValueHeadCount(config) : 0,
    ),
  ),
  uint("shortconv.l_cache", (config) => requiredNumber(config, "conv_L_cache")),
];

/** Two thirds of what is stated, times a factor, up to a multiple: unless the config says to take it as it is. */
function networkLength(config: Config): number {
  const stated = requiredNumber(config, "block_ff_dim", "intermediate_size");
  if (flagOf(config, "block_auto_adjust_ff_dim") !== true) return stated;
  const multiple = numberOf(config, "block_multiple_of") ?? 1;
  const length = Math.trunc(Math.trunc((2 * stated) / 3) * (numberOf(config, "block_ffn_dim_multiplier") ?? 1));
  return multiple * Math.ceil(length / multiple);
}

export const lfm2: Architecture = {
  huggingFace: ["Lfm2ForCausalLM", "LFM2ForCausalLM", "Lfm2Model"],
  gguf: "lfm2",
  tensors: [...SHARED, ...layer(NETWORK)],
  metadata: [...METADATA, uint("feed_forward_length", networkLength)],
  pools: true,
};

const isSparse = (index: number, config: Config): boolean => index >= (numberOf(config, "num_dense_layers") ?? 0);

export const lfm2moe: Architecture = {
  huggingFace: ["Lfm2MoeForCausalLM"],
  gguf: "lfm2moe",
  tensors: [
    ...SHARED,
    ...layer(NETWORK, { layers: (index, config) => !isSparse(index, config) }),
    ...layer({ "feed_forward.gate": "ffn_gate_inp" }, { layers: isSparse }),
    ...layer({ "feed_forward.expert_bias": "exp_probs_b.bias" }, { optional: true }),
    ...experts("feed_forward", { gate: "w1", down: "w2", up: "w3" }, { layers: isSparse }),
  ],
  metadata: [
    ...METADATA,
    uint("expert_feed_forward_length", "moe_intermediate_size"),
    uint("leading_dense_block_count", "num_dense_layers"),
    uint("expert_gating_func", () => 2),
  ],
};
