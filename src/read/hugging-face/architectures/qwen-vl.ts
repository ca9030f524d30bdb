/** The language models of Qwen 2 to 3 VL: rotary sections, towers for pictures beside them. */
import { isJsonObject } from "../../json-text.ts";
import { type Config } from "../config.ts";
import { uint } from "../metadata-rules.ts";
import type { Architecture } from "./architecture.types.ts";
import { qwen2, qwen3 } from "./qwen.ts";
import { qwen3moe } from "./qwen-moe.ts";

export const qwen2vl: Architecture = {
  ...qwen2,
  huggingFace: [
    "Qwen2VLForConditionalGeneration",
    "Qwen2VLModel",
    "Qwen2_5_VLForConditionalGeneration",
    "Qwen2_5OmniModel",
  ],
  gguf: "qwen2vl",
  pools: false,
};

/** Layers that take in features of pictures, which the tower hands out. */
function deepstackLayers({ values }: Config): number {
  const vision = values["vision_config"];
  const indexes = isJsonObject(vision) ? vision["deepstack_visual_indexes"] : undefined;
  return Array.isArray(indexes) ? indexes.length : 0;
}

export const qwen3vl: Architecture = {
  ...qwen3,
  huggingFace: ["Qwen3VLForConditionalGeneration"],
  gguf: "qwen3vl",
  metadata: [uint("n_deepstack_layers", deepstackLayers)],
  pools: false,
};

export const qwen3vlmoe: Architecture = {
  ...qwen3moe,
  huggingFace: ["Qwen3VLMoeForConditionalGeneration"],
  gguf: "qwen3vlmoe",
  metadata: [...(qwen3moe.metadata ?? []), uint("n_deepstack_layers", deepstackLayers)],
};
