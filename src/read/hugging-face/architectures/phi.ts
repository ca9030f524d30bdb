/** Phi 2, 3 and 4, and their sister with experts. */
import { headCount, hiddenSize, numberOf, requiredNumber, type Config } from "../config.ts";
import { float, uint } from "../metadata-rules.ts";
import { ropeNumber, ropeParameters } from "../rope.ts";
import type { Architecture, MetadataRule, TensorRule } from "./architecture.types.ts";
import { ATTENTION, experts, layer, model, NORMS, OUTSIDE } from "./rules.ts";

/** Biases everywhere, one norm for attention and network, no gate. */
export const phi2: Architecture = {
  huggingFace: ["PhiForCausalLM"],
  gguf: "phi2",
  tensors: [
    ...model({ "model.embed_tokens": "token_embd", "model.final_layernorm": "output_norm" }),
    ...model({ lm_head: "output" }, { optional: true }),
    ...layer({
      input_layernorm: "attn_norm",
      "self_attn.q_proj": "attn_q",
      "self_attn.k_proj": "attn_k",
      "self_attn.v_proj": "attn_v",
      "self_attn.dense": "attn_output",
      "mlp.fc1": "ffn_up",
      "mlp.fc2": "ffn_down",
    }),
  ],
  metadata: [
    uint("feed_forward_length", (config) => 4 * hiddenSize(config)),
    uint("attention.head_count_kv", headCount),
    uint("rope.dimension_count", (config) => rotated(config, requiredNumber(config, "partial_rotary_factor"))),
  ],
  without: ["rope.freq_base", "attention.layer_norm_rms_epsilon"],
  specialTokens: { adds: { bos: false } },
};

/** Rotated weights of a head, rounded as the converter does. */
function rotated(config: Config, share: number): number {
  return Math.floor(Math.trunc(share * hiddenSize(config)) / headCount(config));
}

const phi3Rotated = (config: Config) => rotated(config, ropeNumber(config, "partial_rotary_factor") ?? 1);

/** How much attention is sharpened for a context that was extended: said by the number alone, without a type. */
function attentionFactor(config: Config): number | undefined {
  const parameters = ropeParameters(config);
  if (parameters["long_factor"] === undefined) return undefined;
  const original = originalContext(config);
  const scale = requiredNumber(config, "max_position_embeddings") / original;
  if (scale <= 1) return 1;
  const isYarn = (parameters["rope_type"] ?? parameters["type"]) === "yarn";
  return isYarn ? 0.1 * Math.log(scale) + 1 : Math.sqrt(1 + Math.log(scale) / Math.log(original));
}

function originalContext(config: Config): number {
  return ropeNumber(config, "original_max_position_embeddings") ?? requiredNumber(config, "max_position_embeddings");
}

const PHI3_METADATA: readonly MetadataRule[] = [
  float("rope.scaling.attn_factor", attentionFactor),
  uint("rope.scaling.original_context_length", originalContext),
  uint("rope.dimension_count", phi3Rotated),
  // Without a window, 0 tells llama.cpp that it is Phi 4.
  uint("attention.sliding_window", (config) => numberOf(config, "sliding_window") ?? 0),
];

/** Queries, keys and values stay one tensor in llama.cpp, gate and up too. */
const PHI3_TENSORS: readonly TensorRule[] = [
  ...[...OUTSIDE, ...NORMS],
  ...layer({
    "self_attn.qkv_proj": "attn_qkv",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
  }),
];

export const phi3: Architecture = {
  huggingFace: ["Phi3ForCausalLM", "Phi4ForCausalLMV"],
  gguf: "phi3",
  tensors: PHI3_TENSORS,
  metadata: PHI3_METADATA,
  without: ["rope.scaling.type", "attention.key_length", "attention.value_length"],
  rope: ["longrope"],
  ropeDimension: phi3Rotated,
};

export const phimoe: Architecture = {
  huggingFace: ["PhiMoEForCausalLM"],
  gguf: "phimoe",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION],
    ...layer({ "block_sparse_moe.gate": "ffn_gate_inp" }),
    ...experts("block_sparse_moe", { gate: "w1", down: "w2", up: "w3" }),
  ],
  metadata: PHI3_METADATA,
  without: ["rope.scaling.type", "attention.key_length", "attention.value_length"],
  rope: ["longrope"],
  ropeDimension: phi3Rotated,
};
