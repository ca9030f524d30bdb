/** Seed-OSS: Llama with a norm of another name. */
import type { Architecture } from "./architecture.types.ts";
import { ATTENTION, layer, NETWORK, OUTSIDE } from "./rules.ts";

export const seedOss: Architecture = {
  huggingFace: ["SeedOssForCausalLM"],
  gguf: "seed_oss",
  tensors: [
    ...[...OUTSIDE, ...ATTENTION, ...NETWORK],
    ...layer({ input_layernorm: "attn_norm", post_attention_layernorm: "post_attention_norm" }),
  ],
};
