/**
 * A safetensors file without a config that we understand: tensors under their own names. Nothing says what the model
 * is, so `general.architecture` is `unknown`: inspecting, comparing and quantizing work, llama.cpp refuses the result.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { QuantizeError } from "../errors.ts";
import { MAX_TENSOR_NAME_BYTES } from "./gguf-types.ts";
import type { Metadata, Model } from "./model.ts";
import { openHuggingFace } from "./open-hugging-face.ts";
import { quote } from "./quote.ts";
import { openSafetensorsFile, toTensor } from "./safetensors-set.ts";

/** `model.safetensors`, or one of its shards: with a config beside it, the folder is what is meant. */
const FOLDER_MODEL = /^model(-\d{5}-of-\d{5})?\.safetensors$/;

/**
 * Opens a safetensors file; with a `config.json` beside it, the whole Hugging Face folder.
 * @throws QuantizeError as `openHuggingFace`, and `unsupported` for names that GGUF cannot hold
 */
export function openSafetensors(path: string): Model {
  const folder = dirname(path);
  if (FOLDER_MODEL.test(basename(path)) && existsSync(join(folder, "config.json"))) {
    return { ...openHuggingFace(folder), path };
  }
  const set = openSafetensorsFile(path);
  const tensors = set.tensors.map((entry) => {
    const bytes = Buffer.byteLength(entry.name);
    if (bytes >= MAX_TENSOR_NAME_BYTES) {
      const expected = `expected a name of at most ${MAX_TENSOR_NAME_BYTES - 1} bytes (a limit of GGUF), found ${bytes}`;
      throw new QuantizeError("unsupported", `${path}: tensor ${quote(entry.name)}: ${expected}`);
    }
    return toTensor(set, entry, entry.name);
  });
  const metadata: Metadata = new Map();
  metadata.set("general.architecture", { type: "string", value: "unknown" });
  metadata.set("general.type", { type: "string", value: "model" });
  metadata.set("general.name", { type: "string", value: basename(path, ".safetensors") });
  for (const [key, value] of set.metadata) metadata.set(`safetensors.metadata.${key}`, { type: "string", value });
  const notes = ["no config.json beside the file: tensors keep their names, and the architecture is not known"];
  return { path, format: "safetensors", files: set.files, metadata, tensors, notes };
}
