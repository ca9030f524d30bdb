/**
 * Llama 4: experts in one tensor with input before output, gate and up behind each other; a shared expert; the width
 * under `intermediate_size` is the experts'.
 */
import { listOf, numberOf, requiredNumber, type Config } from "../config.ts";
import { uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { LLAMA_METADATA } from "./llama.ts";
import { ATTENTION, layer, names, NORMS, OUTSIDE, sharedExpert } from "./rules.ts";

const TRANSPOSED_HALF = (index: 0 | 1) => [
  { axes: "expert in (half=2 out) -> expert out in", take: () => ({ half: index }) },
];
const isSparse = (index: number, config: Config): boolean =>
  (index + 1) % (numberOf(config, "interleave_moe_layer_step") ?? 1) === 0;
const isDense = (index: number, config: Config): boolean => !isSparse(index, config);

export const llama4: Architecture = {
  huggingFace: ["Llama4ForConditionalGeneration", "Llama4ForCausalLM"],
  gguf: "llama4",
  tensors: [
    ...[...OUTSIDE, ...NORMS, ...ATTENTION],
    ...names(
      "model.layers.{}.feed_forward.",
      "blk.{}.",
      { gate_proj: "ffn_gate", up_proj: "ffn_up", down_proj: "ffn_down" },
      { layers: isDense },
    ),
    ...layer({ "feed_forward.router": "ffn_gate_inp" }, { layers: isSparse }),
    ...layer(
      { "feed_forward.experts.gate_up_proj": "ffn_gate_exps.weight" },
      { layers: isSparse, pieces: TRANSPOSED_HALF(0) },
    ),
    ...layer(
      { "feed_forward.experts.gate_up_proj": "ffn_up_exps.weight" },
      { layers: isSparse, pieces: TRANSPOSED_HALF(1) },
    ),
    ...layer(
      { "feed_forward.experts.down_proj": "ffn_down_exps.weight" },
      { layers: isSparse, pieces: [{ axes: "expert in out -> expert out in" }] },
    ),
    ...sharedExpert("feed_forward.shared_expert", { layers: isSparse }),
  ],
  metadata: [
    ...LLAMA_METADATA,
    uint("feed_forward_length", ["intermediate_size_mlp", "intermediate_size"]),
    uint("interleave_moe_layer_step", (config) => requiredNumber(config, "interleave_moe_layer_step")),
    uint("expert_feed_forward_length", "intermediate_size"),
    // No layer with a window is said by a window of 0.
    uint("attention.sliding_window", (config) => {
      const types = listOf(config, "layer_types");
      return types.length > 0 && types.every((type) => type === "full_attention") ? 0 : undefined;
    }),
  ],
  rope: ["llama3"],
};
