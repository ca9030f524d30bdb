/** Mistral Small 3 and Ministral 3, whose yarn and temperatures llama.cpp follows under a name of their own. */
import { float } from "../metadata-rules.ts";
import { ropeNumber } from "../rope.ts";
import type { Architecture } from "./architecture.types.ts";
import { llama, LLAMA_METADATA } from "./llama.ts";

export const mistral3: Architecture = {
  ...llama,
  huggingFace: ["Mistral3ForConditionalGeneration", "Ministral3ForCausalLM"],
  gguf: "mistral3",
  metadata: [
    ...LLAMA_METADATA,
    float("rope.scaling.yarn_log_multiplier", (config) => ropeNumber(config, "mscale_all_dim")),
    float("attention.temperature_scale", (config) => ropeNumber(config, "llama_4_scaling_beta")),
  ],
};
