/** Every architecture whose Hugging Face folders can be read, one line each. */
import type { Architecture } from "./architecture.types.ts";
import { arcee, internlm3, llama, llamaEmbed, smollm3 } from "./llama.ts";
import { mixtral } from "./mixtral.ts";
import { qwen2, qwen3 } from "./qwen.ts";

// prettier-ignore
export const ARCHITECTURES: readonly Architecture[] = [llama, llamaEmbed, mixtral, smollm3, arcee, internlm3, qwen2, qwen3];

/** The architecture of that class name (`LlamaForCausalLM`), or undefined. */
export function findArchitecture(huggingFaceName: string): Architecture | undefined {
  return ARCHITECTURES.find(({ huggingFace }) => huggingFace.includes(huggingFaceName));
}

/** Class names of all supported architectures. */
export function architectureNames(): readonly string[] {
  return ARCHITECTURES.flatMap(({ huggingFace }) => huggingFace);
}
