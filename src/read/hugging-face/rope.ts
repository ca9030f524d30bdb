/** Rotary position embeddings as a config describes them: keys for the metadata, and Llama 3.1's factors as a tensor. */
import { QuantizeError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../json-text.ts";
import type { Metadata, Tensor } from "../model.ts";

/** Base of the rotary frequencies where a config is silent: transformers' default. */
const DEFAULT_THETA = 10000;

/** What a config says of its rotary embeddings. */
export interface Rope {
  readonly theta: number;
  /** Weights per head that are rotated. */
  readonly dimension: number;
  readonly type: string;
  readonly parameters: JsonObject;
}

/** @throws QuantizeError `unsupported` for scalings other than linear, yarn and llama3 */
export function ropeOf(config: JsonObject, dimension: number, where: string): Rope {
  const given = config["rope_parameters"] ?? config["rope_scaling"];
  const parameters = isJsonObject(given) ? given : {};
  const type = String(parameters["rope_type"] ?? parameters["type"] ?? "default").toLowerCase();
  if (!["default", "linear", "yarn", "llama3"].includes(type)) {
    throw new QuantizeError(
      "unsupported",
      `${where}: rope scaling "${type}" is not supported, only default, linear, yarn, llama3`,
    );
  }
  return {
    theta: number(config["rope_theta"] ?? parameters["rope_theta"], DEFAULT_THETA),
    dimension,
    type,
    parameters,
  };
}

function number(value: unknown, otherwise: number): number {
  return typeof value === "number" ? value : otherwise;
}

/** Adds the keys of the scaling and of the base frequency. */
export function addRopeMetadata(metadata: Metadata, architecture: string, { theta, type, parameters }: Rope): void {
  const float = (key: string, value: unknown) => {
    if (typeof value === "number")
      metadata.set(`${architecture}.rope.${key}`, { type: "float32", value: Math.fround(value) });
  };
  if (type === "linear" || type === "yarn") {
    metadata.set(`${architecture}.rope.scaling.type`, { type: "string", value: type });
    float("scaling.factor", parameters["factor"]);
  }
  if (type === "yarn") {
    const value = parameters["original_max_position_embeddings"];
    if (typeof value === "number") {
      metadata.set(`${architecture}.rope.scaling.original_context_length`, { type: "uint32", value });
    }
    float("scaling.yarn_ext_factor", parameters["extrapolation_factor"]);
    float("scaling.yarn_attn_factor", parameters["attention_factor"] ?? parameters["attn_factor"]);
    float("scaling.yarn_beta_fast", parameters["beta_fast"]);
    float("scaling.yarn_beta_slow", parameters["beta_slow"]);
  }
  float("freq_base", theta);
}

/**
 * Llama 3.1's division of each rotary frequency, as the tensor that llama.cpp wants it in: 1 for wavelengths that fit
 * into the original context `high_freq_factor` times, `factor` for those that fit less than `low_freq_factor` times,
 * and between these `1 / ((1 - s) / factor + s)` with s rising linearly in context over wavelength. f64 throughout,
 * frequencies rounded to f32 first as the original does.
 * @returns undefined for other scalings
 */
export function ropeFactorsTensor({ theta, dimension, type, parameters }: Rope): Tensor | undefined {
  if (type !== "llama3") return undefined;
  const factor = number(parameters["factor"], 8);
  const low = number(parameters["low_freq_factor"], 1);
  const high = number(parameters["high_freq_factor"], 4);
  const context = number(parameters["original_max_position_embeddings"], 8192);
  const factors = Float32Array.from({ length: dimension / 2 }, (_, i) => {
    const wavelength = (2 * Math.PI) / Math.fround(1 / Math.fround(theta ** ((2 * i) / dimension)));
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    const smooth = (context / wavelength - low) / (high - low);
    return 1 / ((1 - smooth) / factor + smooth);
  });
  const bytes = new Uint8Array(factors.buffer);
  return {
    name: "rope_freqs.weight",
    shape: [factors.length],
    codec: "f32",
    layout: "rows",
    extents: [{ file: 0, byteOffset: 0, byteLength: bytes.length, bytes }],
  };
}
