/** A Hugging Face folder as a model: `config.json`, safetensors in one file or several, `tokenizer.json`. */
import { existsSync, readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { QuantizeError } from "../../errors.ts";
import type { Architecture } from "./architectures/architecture.types.ts";
import { architectureNames, findArchitecture } from "./architectures/registry.ts";
import { configMetadata, positiveOf } from "./hugging-face-metadata.ts";
import { mapTensors } from "./hugging-face-tensors.ts";
import { readJsonObject, type JsonObject } from "../json-text.ts";
import type { Model, Tensor } from "../model.ts";
import { ropeFactorsTensor, ropeOf } from "./rope.ts";
import { openSafetensorsFile, openSafetensorsIndex, type SafetensorsSet } from "../safetensors/safetensors-set.ts";
import { addVocabulary, type CutOptions } from "./vocabulary/add-vocabulary.ts";

const INDEX_NAME = "model.safetensors.index.json";
const SINGLE_NAME = "model.safetensors";

/**
 * Opens a folder. Only headers and JSON are read.
 * @param path of the folder, as the user gave it
 * @throws QuantizeError `unsupported` for architectures we do not know, saying which ones we do; `bad-format`, `io`
 */
export function openHuggingFace(path: string, options: CutOptions = {}): Model {
  const configPath = join(path, "config.json");
  if (!existsSync(configPath)) {
    throw new QuantizeError("unsupported", `${path}: expected a Hugging Face folder, found no config.json in it`);
  }
  const config = readJsonObject(configPath);
  const architecture = architectureOf(config, configPath);
  refuseQuantized(config, configPath);
  const set = openFolderTensors(path);
  const layers = positiveOf(config, "num_hidden_layers", configPath);
  const vocabularySize = positiveOf(config, "vocab_size", configPath);
  const rope = ropeOf(config, headDimension(config, configPath), configPath);
  const tensors = mapTensors(set, architecture, config, layers, configPath);
  checkEmbedding(tensors, vocabularySize, configPath);
  const metadata = configMetadata(resolve(path), config, architecture, rope, tensors, configPath);
  const notes = addVocabulary(metadata, path, { ...options, config, rules: {}, size: vocabularySize });
  const factors = ropeFactorsTensor(rope);
  return {
    path,
    format: "safetensors",
    files: set.files,
    metadata,
    tensors: factors === undefined ? tensors : [factors, ...tensors],
    ...(notes.length === 0 ? {} : { notes }),
  };
}

function architectureOf(config: JsonObject, where: string): Architecture {
  const names: unknown[] = Array.isArray(config["architectures"]) ? config["architectures"] : [];
  const architecture = names.map((name) => findArchitecture(String(name))).find((known) => known !== undefined);
  if (architecture !== undefined) return architecture;
  const found = names.length === 0 ? "none stated" : names.join(", ");
  throw new QuantizeError(
    "unsupported",
    `${where}: architecture: expected one of ${architectureNames().join(", ")}, found ${found}`,
  );
}

function refuseQuantized(config: JsonObject, where: string): void {
  const quantization = config["quantization_config"] as JsonObject | null | undefined;
  if (quantization === undefined || quantization === null) return;
  const method = String(quantization["quant_method"] ?? "unknown");
  throw new QuantizeError("unsupported", `${where}: the weights are quantized already (${method}); give the original`);
}

function headDimension(config: JsonObject, where: string): number {
  const heads = positiveOf(config, "num_attention_heads", where);
  if (config["num_key_value_heads"] != null) positiveOf(config, "num_key_value_heads", where);
  if (config["head_dim"] != null) return positiveOf(config, "head_dim", where);
  return Math.floor(positiveOf(config, "hidden_size", where) / heads);
}

function checkEmbedding(tensors: readonly Tensor[], vocabularySize: number, where: string): void {
  const rows = tensors.find(({ name }) => name === "token_embd.weight")?.shape[1];
  if (rows === vocabularySize) return;
  throw new QuantizeError(
    "bad-format",
    `${where}: key "vocab_size": expected ${rows} (rows of the token embeddings), found ${vocabularySize}`,
  );
}

/** The weights of a folder: by its index, or its only file. */
function openFolderTensors(folder: string): SafetensorsSet {
  if (existsSync(join(folder, INDEX_NAME))) return openSafetensorsIndex(join(folder, INDEX_NAME));
  if (existsSync(join(folder, SINGLE_NAME))) return openSafetensorsFile(join(folder, SINGLE_NAME));
  const names = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
  if (names.length === 1) return openSafetensorsFile(join(folder, names[0]!));
  const found = names.length === 0 ? "no safetensors" : `${names.length} safetensors and no index`;
  const code = names.length === 0 ? "unsupported" : "bad-format";
  throw new QuantizeError(code, `${folder}: expected ${SINGLE_NAME} or ${INDEX_NAME}, found ${found}`);
}
