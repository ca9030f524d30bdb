/** Nemotron: norms stored minus one, with biases; no gate; half of each head rotated. */
import { headCount, hiddenSize, numberOf, valueOf, type Config } from "../config.ts";
import { float, text, uint } from "../metadata-rules.ts";
import { ropeNumber } from "../rope.ts";
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, layer, model, names } from "./rules.ts";

const plusOne = { map: "plus-one" } as const;
const NORM_NAMES = { input_layernorm: "attn_norm", post_attention_layernorm: "ffn_norm" };

/** Only weights are stored minus one, not biases. */
const ended = (list: Readonly<Record<string, string>>, ending: string) =>
  Object.fromEntries(Object.entries(list).map(([from, to]) => [from + ending, to + ending]));

const hasScaling = (config: Config) => valueOf(config, "rope_scaling", "rope_parameters") !== undefined;

export const nemotron: Architecture = {
  huggingFace: ["NemotronForCausalLM"],
  gguf: "nemotron",
  tensors: [
    ...model({ "model.embed_tokens": "token_embd", lm_head: "output" }),
    ...names("", "", { "model.norm.weight": "output_norm.weight" }, plusOne),
    ...names("", "", { "model.norm.bias": "output_norm.bias" }),
    ...layer(ended(NORM_NAMES, ".weight"), plusOne),
    ...layer(ended(NORM_NAMES, ".bias")),
    ...ATTENTION,
    ...layer({ "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down" }),
  ],
  metadata: [
    float("attention.layer_norm_epsilon", ["layer_norm_eps", "layer_norm_epsilon", "norm_epsilon", "norm_eps"]),
    uint("rope.dimension_count", (config) => {
      const share = ropeNumber(config, "partial_rotary_factor") ?? ropeNumber(config, "rope_percent") ?? 0.5;
      return Math.floor(Math.trunc(share * hiddenSize(config)) / headCount(config));
    }),
    text("rope.scaling.type", (config) => (hasScaling(config) ? "linear" : "none")),
    float("rope.scaling.factor", (config) => (hasScaling(config) ? numberOf(config, "factor") : undefined)),
  ],
};
