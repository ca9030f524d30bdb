/** Mixtral: Llama with experts instead of one network. `llama` to llama.cpp too. */
import type { Architecture } from "./architecture.types.ts";
import { llama } from "./llama.ts";
import { experts, layer, NORMS, OUTSIDE, ROTARY_ATTENTION } from "./rules.ts";

export const mixtral: Architecture = {
  ...llama,
  huggingFace: ["MixtralForCausalLM"],
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ROTARY_ATTENTION],
    ...layer({ "block_sparse_moe.gate": "ffn_gate_inp" }),
    ...experts("block_sparse_moe", { gate: "w1", down: "w2", up: "w3" }),
  ],
};
