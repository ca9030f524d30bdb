/** The one way in: whatever the user names becomes a model. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ioError } from "../read/input-file.ts";
import type { Model } from "../read/model.ts";
import { openGguf } from "../read/gguf/open-gguf.ts";
import type { CutOptions } from "../read/hugging-face/vocabulary/add-vocabulary.ts";
import { openHuggingFace } from "../read/hugging-face/open-hugging-face.ts";
import { openSafetensors } from "../read/safetensors/open-safetensors.ts";
import { restoreOwnTensors } from "../container/own-tensors.ts";

/** `model.safetensors`, or one of its shards: with a config beside it, the folder is what is meant. */
const FOLDER_MODEL = /^model(-\d{5}-of-\d{5})?\.safetensors$/;

/** What people decide where a model's files do not: only Hugging Face folders leave anything open. */
export type OpenOptions = CutOptions;

/**
 * Opens a checkpoint: a GGUF file (any of a split set), a safetensors file, or a Hugging Face folder (or the index or
 * a shard in it). Only headers are read.
 * @throws QuantizeError `io`, `bad-format` or `unsupported`, naming the file; `unknown-name` for options
 */
export async function openModel(path: string, options: OpenOptions = {}): Promise<Model> {
  if (isFolder(path)) return openHuggingFace(path, options);
  if (basename(path) === "model.safetensors.index.json")
    return { ...(await openHuggingFace(dirname(path), options)), path };
  if (FOLDER_MODEL.test(basename(path)) && existsSync(join(dirname(path), "config.json"))) {
    return { ...(await openHuggingFace(dirname(path), options)), path };
  }
  if (path.endsWith(".safetensors")) return openSafetensors(path);
  return restoreOwnTensors(openGguf(path));
}

function isFolder(path: string): boolean {
  try {
    // A file of a set that is being replaced may have no name yet: see read/replacement-record.ts.
    return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  } catch (cause) {
    throw ioError(path, "cannot be opened", cause);
  }
}
