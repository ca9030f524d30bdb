/** Command R and R7B: attention and network beside each other, one norm for both, logits scaled. */
import { headCount, hiddenSize, numberOf } from "../config.ts";
import { float, text, uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, HEAD_NORMS, layer, NETWORK, OUTSIDE } from "./rules.ts";

const TENSORS = [...OUTSIDE, ...layer({ input_layernorm: "attn_norm" }), ...ATTENTION, ...NETWORK];
const METADATA = [float("logit_scale", "logit_scale"), text("rope.scaling.type", () => "none")];

export const commandR: Architecture = {
  huggingFace: ["CohereForCausalLM"],
  gguf: "command-r",
  defaults: { tie_word_embeddings: true },
  tensors: [...TENSORS, ...HEAD_NORMS.map((rule) => ({ ...rule, optional: true }))],
  // The longer of two contexts that configs state.
  metadata: [uint("context_length", ["model_max_length", "max_position_embeddings"]), ...METADATA],
};

export const cohere2: Architecture = {
  huggingFace: ["Cohere2ForCausalLM"],
  gguf: "cohere2",
  defaults: { tie_word_embeddings: true },
  tensors: TENSORS,
  metadata: [
    ...METADATA,
    uint("attention.sliding_window", "sliding_window"),
    uint("rope.dimension_count", (config) =>
      Math.trunc((numberOf(config, "rotary_pct") ?? 1) * Math.floor(hiddenSize(config) / headCount(config))),
    ),
  ],
};
