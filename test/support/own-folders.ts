/** Folders of architectures for which there is no output of llama.cpp's converter: a config, names and shapes. */
import type { GoldenFolder } from "./golden-folder.ts";

type OwnFolder = Pick<GoldenFolder, "config" | "sources">;

const HIDDEN = 64;
const EXPERTS = 4;

const attention = (layer: number) => ({
  [`model.layers.${layer}.input_layernorm.weight`]: [HIDDEN],
  [`model.layers.${layer}.post_attention_layernorm.weight`]: [HIDDEN],
  [`model.layers.${layer}.self_attn.q_proj.weight`]: [64, HIDDEN],
  [`model.layers.${layer}.self_attn.k_proj.weight`]: [64, HIDDEN],
  [`model.layers.${layer}.self_attn.v_proj.weight`]: [64, HIDDEN],
  [`model.layers.${layer}.self_attn.o_proj.weight`]: [HIDDEN, 64],
  [`model.layers.${layer}.self_attn.q_norm.weight`]: [16],
  [`model.layers.${layer}.self_attn.k_norm.weight`]: [16],
});

const network = (stem: string, width: number) => ({
  [`${stem}.gate_proj.weight`]: [width, HIDDEN],
  [`${stem}.up_proj.weight`]: [width, HIDDEN],
  [`${stem}.down_proj.weight`]: [HIDDEN, width],
});

const outside = {
  "model.embed_tokens.weight": [320, HIDDEN],
  "model.norm.weight": [HIDDEN],
  "lm_head.weight": [320, HIDDEN],
};

const BASE = {
  ...{ hidden_size: HIDDEN, intermediate_size: 128, num_attention_heads: 4, num_key_value_heads: 4, head_dim: 16 },
  ...{ rms_norm_eps: 1e-6, rope_theta: 10000, max_position_embeddings: 512, vocab_size: 320 },
};

export const OWN_FOLDERS: Readonly<Record<string, OwnFolder>> = {
  dots1: {
    config: {
      ...{ ...BASE, architectures: ["Dots1ForCausalLM"], model_type: "dots1", num_hidden_layers: 2 },
      ...{ n_routed_experts: EXPERTS, n_shared_experts: 2, num_experts_per_tok: 2, moe_intermediate_size: 48 },
      ...{ first_k_dense_replace: 1, routed_scaling_factor: 2.5, norm_topk_prob: true, scoring_func: "noaux_tc" },
      ...{ tie_word_embeddings: false, attention_bias: false, sliding_window: null },
    },
    sources: {
      ...outside,
      ...attention(0),
      ...network("model.layers.0.mlp", 128),
      ...attention(1),
      "model.layers.1.mlp.gate.weight": [EXPERTS, HIDDEN],
      "model.layers.1.mlp.gate.e_score_correction_bias": [EXPERTS],
      ...network("model.layers.1.mlp.shared_experts", 96),
      ...network("model.layers.1.mlp.experts.0", 48),
      ...network("model.layers.1.mlp.experts.1", 48),
      ...network("model.layers.1.mlp.experts.2", 48),
      ...network("model.layers.1.mlp.experts.3", 48),
    },
  },
};
