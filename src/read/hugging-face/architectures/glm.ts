/** GLM 4, dense and with experts, and the older ChatGLM. */
import { headDimension, hiddenSize, numberOf, requiredNumber, valueOf, type Config } from "../config.ts";
import { flag, float, uint } from "../metadata-rules.ts";
import { partialDimension } from "../rope.ts";
import type { Architecture } from "./architecture.types.ts";
import {
  ATTENTION,
  experts,
  HEAD_NORMS,
  isDense,
  isSparse,
  layer,
  model,
  names,
  NETWORK,
  NORMS,
  OUTSIDE,
  sharedExpert,
} from "./rules.ts";

/** Norms behind attention and network as well; gate and up stay one tensor. */
export const glm4: Architecture = {
  huggingFace: ["Glm4ForCausalLM"],
  gguf: "glm4",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION],
    ...layer({
      post_self_attn_layernorm: "post_attention_norm",
      post_mlp_layernorm: "post_ffw_norm",
      "mlp.gate_up_proj": "ffn_up",
      "mlp.down_proj": "ffn_down",
    }),
  ],
  metadata: [uint("rope.dimension_count", (config) => partialDimension(config, 0.5))],
  specialTokens: { open: { eos: "<|endoftext|>", eot: "<|user|>", unk: "<|endoftext|>", bos: "<|endoftext|>" } },
};

/** A layer behind the last one predicts a second token, and is kept. */
export const glm4moe: Architecture = {
  huggingFace: ["Glm4MoeForCausalLM", "Glm4vMoeForConditionalGeneration"],
  gguf: "glm4moe",
  tensors: [
    ...[...OUTSIDE, ...ATTENTION],
    ...layer({ input_layernorm: "attn_norm", post_attention_layernorm: "post_attention_norm" }),
    ...HEAD_NORMS.map((rule) => ({ ...rule, optional: true })),
    ...NETWORK.map((rule) => ({ ...rule, layers: isDense })),
    ...layer({ "mlp.gate": "ffn_gate_inp" }, { layers: isSparse }),
    ...layer({ "mlp.gate.e_score_correction_bias": "exp_probs_b.bias" }, { optional: true }),
    ...experts("mlp", {}, { layers: isSparse }),
    ...sharedExpert("mlp.shared_experts", { optional: true }),
    ...layer(
      {
        eh_proj: "nextn.eh_proj",
        embed_tokens: "nextn.embed_tokens",
        enorm: "nextn.enorm",
        hnorm: "nextn.hnorm",
        "shared_head.head": "nextn.shared_head_head",
        "shared_head.norm": "nextn.shared_head_norm",
      },
      { optional: true },
    ),
  ],
  layersBehind: "keep",
  metadata: [
    uint("rope.dimension_count", (config) => partialDimension(config, 0.5)),
    uint("expert_feed_forward_length", "moe_intermediate_size"),
    uint("expert_shared_count", "n_shared_experts"),
    uint("leading_dense_block_count", "first_k_dense_replace"),
    uint("expert_gating_func", () => 2),
    float("expert_weights_scale", "routed_scaling_factor"),
    flag("expert_weights_norm", "norm_topk_prob"),
    uint("nextn_predict_layers", ({ layersBehind }) => (layersBehind === 0 ? undefined : layersBehind)),
  ],
  specialTokens: { open: { bos: "[gMASK]", eot: "<|user|>", unk: "<|endoftext|>", eom: "<|observation|>" } },
};

const block = (list: Readonly<Record<string, string>>) => names("encoder.layers.{}.", "blk.{}.", list);

/** The size of the embeddings may be padded: that of the tensor counts. */
export const chatglm: Architecture = {
  huggingFace: ["ChatGLMModel", "ChatGLMForConditionalGeneration"],
  gguf: "chatglm",
  prefixes: ["transformer."],
  tensors: [
    ...model({
      "embedding.word_embeddings": "token_embd",
      "encoder.final_layernorm": "output_norm",
      output_layer: "output",
    }),
    ...block({
      input_layernorm: "attn_norm",
      "self_attention.query_key_value": "attn_qkv",
      "self_attention.dense": "attn_output",
      post_attention_layernorm: "ffn_norm",
      "mlp.dense_h_to_4h": "ffn_up",
      "mlp.dense_4h_to_h": "ffn_down",
    }),
  ],
  metadata: [
    uint("context_length", "seq_length"),
    uint(
      "feed_forward_length",
      (config) => numberOf(config, "ffn_hidden_size", "intermediate_size") ?? 4 * hiddenSize(config),
    ),
    uint("attention.head_count_kv", ["multi_query_group_num", "num_key_value_heads"]),
    float("attention.layer_norm_rms_epsilon", (config) => numberOf(config, "layernorm_epsilon") ?? 1e-5),
    uint("rope.dimension_count", (config) => Math.trunc(attentionDimension(config) / 2)),
    float("rope.freq_base", (config) => 10000 * (numberOf(config, "rope_ratio") ?? 1)),
  ],
  specialTokens: { adds: { bos: false } },
};

function attentionDimension(config: Config): number {
  return valueOf(config, "kv_channels") === undefined ? headDimension(config) : requiredNumber(config, "kv_channels");
}
