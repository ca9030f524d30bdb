/** StarCoder 2: norms with biases, no gate. */
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, layer, NORMS, OUTSIDE } from "./rules.ts";

export const starcoder2: Architecture = {
  huggingFace: ["Starcoder2ForCausalLM"],
  gguf: "starcoder2",
  tensors: [...OUTSIDE, ...NORMS, ...ATTENTION, ...layer({ "mlp.c_fc": "ffn_up", "mlp.c_proj": "ffn_down" })],
};
