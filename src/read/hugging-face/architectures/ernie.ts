/** ERNIE 4.5, dense and with experts. Hugging Face rotates neighbours as well, so rows stay. */
import { numberOf, requiredNumber, valueOf, type Config } from "../config.ts";
import { uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, experts, layer, NETWORK, NORMS, OUTSIDE, sharedExpert } from "./rules.ts";

export const ernie: Architecture = {
  huggingFace: ["Ernie4_5ForCausalLM", "Ernie4_5_ForCausalLM"],
  gguf: "ernie4_5",
  tensors: [...OUTSIDE, ...NORMS, ...ATTENTION, ...NETWORK],
};

const isErnieSparse = (index: number, config: Config): boolean => {
  const [start, end] = ["moe_layer_start_index", "moe_layer_end_index"].map((key) => numberOf(config, key));
  const step = numberOf(config, "moe_layer_interval") ?? 1;
  const isWithin = index >= (start ?? 0) && (end === undefined || end < 0 || index <= end);
  return isWithin && (index + 1) % step === 0;
};

export const ernieMoe: Architecture = {
  huggingFace: ["Ernie4_5_MoeForCausalLM"],
  gguf: "ernie4_5-moe",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION],
    ...NETWORK.map((rule) => ({ ...rule, layers: (n: number, config: Config) => !isErnieSparse(n, config) })),
    ...layer({ "mlp.gate": "ffn_gate_inp" }, { layers: isErnieSparse }),
    ...layer({ "mlp.moe_statics.e_score_correction_bias": "exp_probs_b.bias" }, { optional: true }),
    ...experts("mlp", {}, { layers: isErnieSparse }),
    ...sharedExpert("mlp.shared_experts", { optional: true }),
  ],
  dropped: [/^model\.mtp_/],
  metadata: [
    uint("expert_count", "moe_num_experts"),
    uint("expert_used_count", "moe_k"),
    uint("interleave_moe_layer_step", "moe_layer_interval"),
    uint("leading_dense_block_count", "moe_layer_start_index"),
    uint("expert_feed_forward_length", "moe_intermediate_size"),
    uint("expert_shared_count", "moe_num_shared_experts"),
    // As the converter works it out: on the published models it is the number of shared experts times their width.
    uint("expert_shared_feed_forward_length", (config) => {
      if (valueOf(config, "moe_num_shared_experts") === undefined) return undefined;
      return Math.floor(requiredNumber(config, "intermediate_size") / requiredNumber(config, "num_key_value_heads"));
    }),
  ],
};
