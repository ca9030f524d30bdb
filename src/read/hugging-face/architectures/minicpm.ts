/** MiniCPM: Llama with three scalars. */
import { requiredNumber } from "../config.ts";
import { float } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { LLAMA_TENSORS } from "./llama.ts";

export const minicpm: Architecture = {
  huggingFace: ["MiniCPMForCausalLM"],
  gguf: "minicpm",
  tensors: LLAMA_TENSORS,
  metadata: [
    float("embedding_scale", "scale_emb"),
    float(
      "residual_scale",
      (config) => requiredNumber(config, "scale_depth") / Math.sqrt(requiredNumber(config, "num_hidden_layers")),
    ),
    float("logit_scale", (config) => requiredNumber(config, "hidden_size") / requiredNumber(config, "dim_model_base")),
  ],
  rope: ["longrope"],
};
