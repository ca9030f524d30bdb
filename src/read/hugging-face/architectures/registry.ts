/** Every architecture whose Hugging Face folders can be read, one line each. */
import type { Architecture } from "./architecture.types.ts";
import { llama } from "./llama.ts";
import { mixtral } from "./mixtral.ts";
import { qwen2, qwen3, qwen3moe } from "./qwen.ts";

const ARCHITECTURES: readonly Architecture[] = [llama, mixtral, qwen2, qwen3, qwen3moe];

/** The architecture of that class name (`LlamaForCausalLM`), or undefined. */
export function findArchitecture(huggingFaceName: string): Architecture | undefined {
  return ARCHITECTURES.find(({ huggingFace }) => huggingFace.includes(huggingFaceName));
}

/** Class names of all supported architectures. */
export function architectureNames(): readonly string[] {
  return ARCHITECTURES.flatMap(({ huggingFace }) => huggingFace);
}
