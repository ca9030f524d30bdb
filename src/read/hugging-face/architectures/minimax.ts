/** MiniMax M2: experts, norms over all heads at once, part of each head rotated. */
import { uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, experts, HEAD_NORMS, layer, NORMS, OUTSIDE } from "./rules.ts";

export const minimaxM2: Architecture = {
  huggingFace: ["MiniMaxM2ForCausalLM"],
  gguf: "minimax-m2",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION, ...HEAD_NORMS],
    ...layer({ "block_sparse_moe.gate": "ffn_gate_inp" }),
    ...layer({ "block_sparse_moe.e_score_correction_bias": "exp_probs_b.bias" }),
    ...experts("block_sparse_moe", { gate: "w1", down: "w2", up: "w3" }),
  ],
  metadata: [uint("expert_feed_forward_length", "intermediate_size"), uint("rope.dimension_count", "rotary_dim")],
};
