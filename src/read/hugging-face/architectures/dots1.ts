/** dots.llm1: Qwen 3's attention, and DeepSeek's experts. */
import { flagOf } from "../config.ts";
import { flag, float, uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import {
  ATTENTION,
  experts,
  HEAD_NORMS,
  isDense,
  isSparse,
  layer,
  NETWORK,
  NORMS,
  OUTSIDE,
  sharedExpert,
} from "./rules.ts";

export const dots1: Architecture = {
  huggingFace: ["Dots1ForCausalLM"],
  gguf: "dots1",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION, ...HEAD_NORMS],
    ...NETWORK.map((rule) => ({ ...rule, layers: isDense })),
    ...layer({ "mlp.gate": "ffn_gate_inp" }, { layers: isSparse }),
    ...layer({ "mlp.gate.e_score_correction_bias": "exp_probs_b.bias" }, { optional: true }),
    ...experts("mlp", {}, { layers: isSparse }),
    ...sharedExpert("mlp.shared_experts", { layers: isSparse }),
  ],
  metadata: [
    uint("leading_dense_block_count", "first_k_dense_replace"),
    uint("expert_feed_forward_length", "moe_intermediate_size"),
    uint("expert_shared_count", "n_shared_experts"),
    float("expert_weights_scale", "routed_scaling_factor"),
    flag("expert_weights_norm", (config) => flagOf(config, "norm_topk_prob")),
    // Its router is a sigmoid, which configs call by the method that balances it.
    uint("expert_gating_func", () => 2),
  ],
};
