/** Where the result goes when -o is not given: beside nothing else, in the folder where the user stands. */
import { basename } from "node:path";
import { folderId } from "../src/read/hugging-face/general/folder-id.ts";

/** `models/fable-f16.gguf` and `q4_cb` give `fable-q4_cb.gguf`; a folder gives its own name. */
export function defaultOutput(model: string, suffix: string): string {
  const name = basename(folderId(model))
    .replace(/\.(gguf|safetensors)$/i, "")
    .replace(/-\d{5}-of-\d{5}$/, "")
    .replace(/[-_.](f16|bf16|f32|fp16|fp32)$/i, "");
  return `${name === "" ? "model" : name}-${suffix}.gguf`;
}
