/** A tiny model of each kind that the forward pass knows: what differs between architectures, and little else. */
import type { ModelShape } from "./models.js";

const SHAPE = {
  layers: 2,
  width: 64,
  feedForward: 96,
  heads: 4,
  valueHeads: 2,
  codec: "f32",
  hasUnevenNorms: true,
} as const;

const QKV = ["attn_q", "attn_k", "attn_v"] as const;

/** By name; the file's architecture is `llama` unless it says otherwise. */
export const TINY_MODELS: readonly ModelShape[] = [
  { ...SHAPE, name: "llama" },
  { ...SHAPE, name: "llama-tied", isTied: true },
  { ...SHAPE, name: "llama-wide-heads", headLength: 32 },
  { ...SHAPE, name: "llama-biases", biases: [...QKV, "attn_output"] },
  { ...SHAPE, name: "llama-one-head-each", valueHeads: 4 },
  { ...SHAPE, name: "llama-3-rope", hasRopeFactors: true, keys: { "rope.freq_base": 500_000 } },
  { ...SHAPE, name: "llama-linear-rope", keys: { "rope.scaling.type": "linear", "rope.scaling.factor": 4 } },
  {
    ...SHAPE,
    name: "llama-yarn-rope",
    keys: {
      "rope.scaling.type": "yarn",
      "rope.scaling.factor": 4,
      "rope.scaling.original_context_length": 64,
    },
  },
  { ...SHAPE, name: "mixtral", experts: 4 },
  { ...SHAPE, name: "qwen2", architecture: "qwen2", biases: QKV },
  { ...SHAPE, name: "qwen2-tied", architecture: "qwen2", biases: QKV, isTied: true },
  { ...SHAPE, name: "qwen3", architecture: "qwen3", hasHeadNorms: true, headLength: 32 },
  { ...SHAPE, name: "qwen3moe", architecture: "qwen3moe", hasHeadNorms: true, headLength: 32, experts: 6 },
];
