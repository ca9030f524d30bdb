/** Every architecture whose Hugging Face folders can be read, one line each. */
import type { Architecture } from "./architecture.types.ts";
import { bert, nomicBert, roberta } from "./bert.ts";
import { cohere2, commandR } from "./command-r.ts";
import { deepseek2 } from "./deepseek.ts";
import { dots1 } from "./dots1.ts";
import { ernie, ernieMoe } from "./ernie.ts";
import { exaone, exaone4 } from "./exaone.ts";
import { falcon } from "./falcon.ts";
import { embeddingGemma, gemma, gemma2, gemma3 } from "./gemma.ts";
import { chatglm, glm4, glm4moe } from "./glm.ts";
import { gptNeox } from "./gpt-neox.ts";
import { gptOss } from "./gpt-oss.ts";
import { gpt2 } from "./gpt2.ts";
import { granite, graniteHybrid, graniteMoe } from "./granite.ts";
import { hunyuanDense, hunyuanMoe } from "./hunyuan.ts";
import { internlm2 } from "./internlm2.ts";
import { lfm2, lfm2moe } from "./lfm2.ts";
import { arcee, internlm3, llama, llamaEmbed, smollm3 } from "./llama.ts";
import { llama4 } from "./llama4.ts";
import { mamba, mamba2 } from "./mamba.ts";
import { minicpm } from "./minicpm.ts";
import { minimaxM2 } from "./minimax.ts";
import { mistral3 } from "./mistral3.ts";
import { mixtral } from "./mixtral.ts";
import { modernBert } from "./modern-bert.ts";
import { nemotron } from "./nemotron.ts";
import { olmo, olmo2, olmoe } from "./olmo.ts";
import { phi2, phi3, phimoe } from "./phi.ts";
import { qwen2, qwen3 } from "./qwen.ts";
import { qwen2moe, qwen3moe } from "./qwen-moe.ts";
import { qwen35, qwen35moe, qwen3next } from "./qwen-next.ts";
import { qwen2vl, qwen3vl, qwen3vlmoe } from "./qwen-vl.ts";
import { seedOss } from "./seed-oss.ts";
import { stablelm } from "./stablelm.ts";
import { starcoder2 } from "./starcoder2.ts";

// prettier-ignore
export const ARCHITECTURES: readonly Architecture[] = [
  llama, llamaEmbed, mixtral, mistral3, smollm3, arcee, internlm3, llama4,
  qwen2, qwen2moe, qwen3, qwen3moe, qwen3next, qwen35, qwen35moe, qwen2vl, qwen3vl, qwen3vlmoe,
  gemma, gemma2, gemma3, embeddingGemma,
  phi2, phi3, phimoe,
  gptOss, gpt2, gptNeox,
  olmo, olmo2, olmoe,
  deepseek2, dots1,
  glm4, glm4moe, chatglm,
  granite, graniteMoe, graniteHybrid,
  commandR, cohere2,
  ernie, ernieMoe,
  exaone, exaone4,
  falcon,
  hunyuanDense, hunyuanMoe,
  internlm2,
  lfm2, lfm2moe,
  mamba, mamba2,
  minicpm, minimaxM2, nemotron, seedOss, stablelm, starcoder2,
  bert, roberta, nomicBert, modernBert,
];

/** The architecture of that class name (`LlamaForCausalLM`), or undefined. */
export function findArchitecture(huggingFaceName: string): Architecture | undefined {
  return ARCHITECTURES.find(({ huggingFace }) => huggingFace.includes(huggingFaceName));
}

/** Class names of all supported architectures. */
export function architectureNames(): readonly string[] {
  return ARCHITECTURES.flatMap(({ huggingFace }) => huggingFace);
}
