/** The one way in: whatever the user names becomes a model. */
import { statSync } from "node:fs";
import { basename, dirname } from "node:path";
import { ioError } from "./input-file.ts";
import type { Model } from "./model.ts";
import { openGguf } from "./open-gguf.ts";
import { openHuggingFace } from "./open-hugging-face.ts";
import { openSafetensors } from "./open-safetensors.ts";
import { restoreOwnTensors } from "./own-tensors.ts";

/**
 * Opens a checkpoint: a GGUF file (any of a split set), a safetensors file, or a Hugging Face folder (or the index in
 * it). Only headers are read.
 * @throws QuantizeError `io`, `bad-format` or `unsupported`, naming the file
 */
export async function openModel(path: string): Promise<Model> {
  if (isFolder(path)) return openHuggingFace(path);
  if (basename(path) === "model.safetensors.index.json") return { ...openHuggingFace(dirname(path)), path };
  if (path.endsWith(".safetensors")) return openSafetensors(path);
  return restoreOwnTensors(openGguf(path));
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch (cause) {
    throw ioError(path, "cannot be opened", cause);
  }
}
