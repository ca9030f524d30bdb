/**
 * A safetensors file without a config that we understand: tensors under their own names. Nothing says what the model
 * is, so `general.architecture` is `unknown`: inspecting, comparing and quantizing work, llama.cpp refuses the result.
 */
import { basename } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { MAX_TENSOR_NAME_BYTES } from "../gguf/gguf-types.ts";
import type { Metadata, Model } from "../model.ts";
import { quote } from "../../text/quote.ts";
import { openSafetensorsFile, toTensor } from "./safetensors-set.ts";

/**
 * Opens a safetensors file by itself.
 * @throws QuantizeError `bad-format` or `io`, and `unsupported` for names that GGUF cannot hold
 */
export function openSafetensors(path: string): Model {
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
