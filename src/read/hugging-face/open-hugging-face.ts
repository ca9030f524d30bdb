/** A Hugging Face folder as a model: `config.json`, safetensors in one file or several, a tokenizer, a model card. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { nearestName } from "../../text/nearest-name.ts";
import { quote } from "../../text/quote.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "../json-text.ts";
import type { Metadata, Model, Tensor } from "../model.ts";
import { openSafetensorsFiles, openSafetensorsIndex, type SafetensorsSet } from "../safetensors/safetensors-set.ts";
import { addArchitectureMetadata } from "./architecture-metadata.ts";
import type { Architecture } from "./architectures/architecture.types.ts";
import { architectureNames, findArchitecture } from "./architectures/registry.ts";
import { checkShapes } from "./check-shapes.ts";
import { headDimension, textConfig, valueOf, countOf, type Config } from "./config.ts";
import { addGeneralMetadata } from "./general/general-metadata.ts";
import { languageModelNames } from "./language-model-names.ts";
import { mapTensors } from "./map-tensors.ts";
import { poolingType } from "./pooling.ts";
import { readSources } from "./quantized/read-sources.ts";
import { ropeOf, ropeTensors } from "./rope.ts";
import { addVocabulary, type CutOptions } from "./vocabulary/add-vocabulary.ts";

const INDEX_NAME = "model.safetensors.index.json";

/** `llama_ftype` of a file whose matrices are of that kind. */
const FILE_TYPES: Readonly<Record<string, number>> = { f32: 0, f16: 1, bf16: 32 };

/** Version of ggml's block formats, stated by every converter. */
const QUANTIZATION_VERSION = 2;

/**
 * Opens a folder. Only headers and JSON are read.
 * @param path of the folder, as the user gave it
 * @throws QuantizeError `unsupported` for architectures we do not know, saying which ones we do; `bad-format`, `io`
 */
export async function openHuggingFace(path: string, options: CutOptions = {}): Promise<Model> {
  const configPath = join(path, "config.json");
  if (!existsSync(configPath)) {
    throw new QuantizeError("unsupported", `${path}: expected a Hugging Face folder, found no config.json in it`);
  }
  const root = readJsonObject(configPath);
  const architecture = architectureOf(root, configPath);
  const stated = textConfig(root, configPath, architecture.defaults);
  const set = openFolderTensors(path);
  const { entries, layersBehind, notes } = languageModelNames(set.tensors, architecture, stated);
  const config: Config = { ...stated, layersBehind };
  const name = typeof architecture.gguf === "string" ? architecture.gguf : architecture.gguf(config);
  const rope = ropeOf(config, architecture.rope);
  const mapped = mapTensors(readSources(set, entries, path, config), architecture, config);
  const dimension = architecture.ropeDimension?.(config) ?? (rope.type === "default" ? 0 : headDimension(config));
  const tensors = [...ropeTensors(rope, dimension, configPath), ...mapped];

  const metadata: Metadata = new Map();
  metadata.set("general.architecture", { type: "string", value: name });
  metadata.set("general.type", { type: "string", value: "model" });
  const cardNotes = await addGeneralMetadata(metadata, path, root, mapped);
  addArchitectureMetadata(metadata, name, architecture, config, rope);
  const pooling = architecture.pools === true ? poolingType(path) : undefined;
  if (pooling !== undefined) metadata.set(`${name}.pooling_type`, { type: "uint32", value: pooling });
  const size = vocabularySize(mapped, config);
  metadata.set(`${name}.vocab_size`, { type: "uint32", value: size });
  const fileType = fileTypeOf(mapped);
  if (fileType !== undefined) metadata.set("general.file_type", { type: "uint32", value: fileType });
  metadata.set("general.quantization_version", { type: "uint32", value: QUANTIZATION_VERSION });
  checkShapes(mapped, metadata, name, configPath);
  const rules = architecture.specialTokens ?? {};
  const vocabularyNotes = addVocabulary(metadata, path, { ...options, config: root, rules, size });
  const all = [...notes, ...(architecture.notes?.(config) ?? []), ...cardNotes, ...vocabularyNotes];
  return {
    ...{ path, format: "safetensors", files: set.files, metadata, tensors },
    ...(all.length === 0 ? {} : { notes: all }),
  };
}

/** The architecture that the config names, or the part of it that describes the language model. */
function architectureOf(config: JsonObject, where: string): Architecture {
  const inner = config["text_config"];
  const stated = (isJsonObject(inner) ? inner["architectures"] : undefined) ?? config["architectures"];
  const names: unknown[] = Array.isArray(stated) ? stated : [];
  const architecture = names.map((name) => findArchitecture(String(name))).find((known) => known !== undefined);
  if (architecture !== undefined) return architecture;
  const found = names.length === 0 ? "none stated" : names.map((name) => quote(String(name))).join(", ");
  const known = architectureNames();
  const nearest = nearestName(String(names[0]), known);
  const hint = nearest === undefined ? "docs/formats.md lists them" : `the nearest is ${nearest}`;
  const message = `architecture: expected one of the ${known.length} that are known (${hint}), found ${found}`;
  throw new QuantizeError("unsupported", `${where}: ${message}`);
}

/** Rows of the embeddings, which the config must agree with where it says a number. */
function vocabularySize(tensors: readonly Tensor[], config: Config): number {
  const rows = tensors.find(({ name }) => name === "token_embd.weight")?.shape[1] ?? 0;
  const key = ["padded_vocab_size", "vocab_size"].find((candidate) => valueOf(config, candidate) !== undefined);
  if (key === undefined || countOf(config, key) === rows) return rows;
  const expected = `expected ${rows} (rows of the token embeddings), found ${countOf(config, key)}`;
  throw new QuantizeError("bad-format", `${config.where}: key "${key}": ${expected}`);
}

/** llama.cpp's number for files of this kind: of floats when all matrices are, of 4-bit floats when any is. */
function fileTypeOf(tensors: readonly Tensor[]): number | undefined {
  const codecs = tensors.filter(({ shape }) => shape.length >= 2).map(({ codec }) => codec);
  if (codecs.includes("mxfp4")) return 38;
  if (codecs.includes("nvfp4")) return 39;
  return new Set(codecs).size === 1 ? FILE_TYPES[codecs[0]!] : undefined;
}

/** The weights of a folder: by its index, or its only file. */
function openFolderTensors(folder: string): SafetensorsSet {
  if (existsSync(join(folder, INDEX_NAME))) return openSafetensorsIndex(join(folder, INDEX_NAME));
  const names = readdirSync(folder).filter((name) => name.endsWith(".safetensors"));
  const own = names.filter((name) => name.startsWith("model"));
  if (own.length > 0) return openSafetensorsFiles(own.sort().map((name) => join(folder, name)));
  if (names.length === 1) return openSafetensorsFiles([join(folder, names[0]!)]);
  const found = names.length === 0 ? "no safetensors" : `${names.length} safetensors and no index`;
  const code = names.length === 0 ? "unsupported" : "bad-format";
  throw new QuantizeError(code, `${folder}: expected model.safetensors or ${INDEX_NAME}, found ${found}`);
}
