/** Qwen 2 and 3 with experts, which checkpoints have one by one or stacked. */
import { valueOf, type Config } from "../config.ts";
import { uint } from "../metadata-rules.ts";
import type { Architecture, TensorRule } from "./architecture.types.ts";
import { ATTENTION, experts, HEAD_NORMS, layer, NORMS, OUTSIDE, sharedExpert, stackedExperts } from "./rules.ts";

/** The router and the experts. */
export const QWEN_EXPERTS: readonly TensorRule[] = [
  ...layer({ "mlp.gate": "ffn_gate_inp" }),
  ...experts("mlp"),
  ...stackedExperts("mlp"),
];

/** The expert that all tokens pass, and its gate. */
export const QWEN_SHARED_EXPERT: readonly TensorRule[] = [
  ...sharedExpert("mlp.shared_expert"),
  ...layer({ "mlp.shared_expert_gate": "ffn_gate_inp_shexp" }),
];

export const QWEN_MOE_METADATA = [
  uint("expert_feed_forward_length", "moe_intermediate_size"),
  uint("expert_shared_feed_forward_length", "shared_expert_intermediate_size"),
];

export const qwen2moe: Architecture = {
  huggingFace: ["Qwen2MoeForCausalLM"],
  gguf: "qwen2moe",
  tensors: [...OUTSIDE, ...NORMS, ...ATTENTION, ...QWEN_EXPERTS, ...QWEN_SHARED_EXPERT],
  metadata: QWEN_MOE_METADATA,
};

/** llama.cpp always makes the chosen experts' weights add up to 1. */
function normNotes(config: Config): string[] {
  if (valueOf(config, "norm_topk_prob") !== false) return [];
  return [
    "the config has norm_topk_prob false, but llama.cpp makes the weights of the chosen experts add up to 1 for this " +
      "architecture: it computes other logits than transformers",
  ];
}

export const qwen3moe: Architecture = {
  huggingFace: ["Qwen3MoeForCausalLM"],
  gguf: "qwen3moe",
  tensors: [...OUTSIDE, ...NORMS, ...ATTENTION, ...HEAD_NORMS, ...QWEN_EXPERTS],
  metadata: QWEN_MOE_METADATA,
  notes: normNotes,
};
