/** The one way in: whatever the user names becomes a model. */
import { statSync } from "node:fs";
import { ioError } from "./input-file.ts";
import type { Model } from "./model.ts";
import { openGguf } from "./open-gguf.ts";
import { restoreOwnTensors } from "./own-tensors.ts";

/**
 * Opens a checkpoint: a GGUF file (any of a split set), a safetensors file, or a Hugging Face folder.
 * Only headers are read.
 * @throws QuantizeError `io`, `bad-format` or `unsupported`, naming the file
 */
export async function openModel(path: string): Promise<Model> {
  try {
    statSync(path);
  } catch (cause) {
    throw ioError(path, "cannot be opened", cause);
  }
  return restoreOwnTensors(openGguf(path));
}
