/** From `config.json` to the metadata that llama.cpp's converter writes, in its order. */
import { basename } from "node:path";
import { QuantizeError } from "../../errors.ts";
import type { Architecture, MetadataRule } from "./architectures/architecture.types.ts";
import type { JsonObject } from "../json-text.ts";
import { elementCount, type Metadata, type MetadataValue, type Tensor } from "../model.ts";
import { addRopeMetadata, type Rope } from "./rope.ts";

/** `llama_ftype` of a file whose matrices are floats of that kind. */
const FLOAT_FILE_TYPES: Readonly<Record<string, number>> = { f32: 0, f16: 1, bf16: 32 };

/** Version of ggml's block formats, stated by every converter. */
const QUANTIZATION_VERSION = 2;

/** A whole number of the config, at least 1. */
export function positiveOf(config: JsonObject, key: string, where: string): number {
  const value = config[key];
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw new QuantizeError("bad-format", `${where}: key "${key}": expected a whole number from 1, found ${show(value)}`);
}

function show(value: unknown): string {
  return JSON.stringify(value) ?? "none";
}

/** The metadata of a model, without its vocabulary. */
export function configMetadata(
  folder: string,
  config: JsonObject,
  architecture: Architecture,
  rope: Rope,
  tensors: readonly Tensor[],
  where: string,
): Metadata {
  const text = (value: string): MetadataValue => ({ type: "string", value });
  const metadata: Metadata = new Map();
  metadata.set("general.architecture", text(architecture.gguf));
  metadata.set("general.type", text("model"));
  metadata.set("general.name", text(nameOf(folder, config)));
  metadata.set("general.size_label", text(sizeLabel(tensors)));
  for (const rule of architecture.metadata) addRule(metadata, architecture.gguf, rule, config, where);
  addRopeMetadata(metadata, architecture.gguf, rope);
  const fileType = fileTypeOf(tensors);
  if (fileType !== undefined) metadata.set("general.file_type", { type: "uint32", value: fileType });
  metadata.set(`${architecture.gguf}.vocab_size`, { type: "uint32", value: positiveOf(config, "vocab_size", where) });
  if (architecture.statesRopeDimension) {
    metadata.set(`${architecture.gguf}.rope.dimension_count`, { type: "uint32", value: rope.dimension });
  }
  metadata.set("general.quantization_version", { type: "uint32", value: QUANTIZATION_VERSION });
  return metadata;
}

function addRule(metadata: Metadata, prefix: string, rule: MetadataRule, config: JsonObject, where: string): void {
  const key = rule.config.find((name) => config[name] !== undefined && config[name] !== null);
  if (key === undefined && rule.otherwise === "omit") return;
  if (key === undefined && rule.otherwise === "required") {
    throw new QuantizeError("bad-format", `${where}: key "${rule.config[0]}": expected a number, found none`);
  }
  const value = key === undefined ? (rule.otherwise as number) : config[key];
  if (rule.type === "uint32" && key !== undefined) positiveOf(config, key, where);
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new QuantizeError("bad-format", `${where}: key "${key}": expected a number, found ${show(value)}`);
  }
  metadata.set(`${prefix}.${rule.gguf}`, {
    type: rule.type,
    value: rule.type === "float32" ? Math.fround(value) : value,
  });
}

/** The name the config was saved under, where it is one and no path of somebody's machine; else the folder's. */
function nameOf(folder: string, config: JsonObject): string {
  const saved = config["_name_or_path"];
  const isName = typeof saved === "string" && /^[\w.-]+(\/[\w.-]+)?$/.test(saved) && !saved.startsWith(".");
  return isName ? basename(saved) : basename(folder);
}

/** Number of weights as people say it: 8.0B, 71B, 260K. At least two digits. */
export function sizeLabel(tensors: readonly Tensor[]): string {
  const total = tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const [scale, unit] = total > 1e12 ? [1e12, "T"] : total > 1e9 ? [1e9, "B"] : total > 1e6 ? [1e6, "M"] : [1e3, "K"];
  const scaled = total / scale;
  const digits = String(Math.round(scaled)).replace(/^0+/, "").length;
  return scaled.toFixed(Math.max(0, 2 - digits)) + unit;
}

function fileTypeOf(tensors: readonly Tensor[]): number | undefined {
  const matrices = tensors.filter(({ shape }) => shape.length >= 2);
  const kinds = new Set(matrices.map(({ codec }) => codec));
  return kinds.size === 1 ? FLOAT_FILE_TYPES[matrices[0]!.codec] : undefined;
}
