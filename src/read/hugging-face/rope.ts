/** Rotary position embeddings as a config describes them: keys for the metadata, and factors as tensors. */
import { QuantizeError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../json-text.ts";
import type { Metadata, Tensor } from "../model.ts";
import type { RopeFeature } from "./architectures/architecture.types.ts";
import { headDimension, numberOf, valueOf, type Config } from "./config.ts";

const fround = Math.fround;

/** Base of the rotary frequencies where a config is silent: transformers' default. */
const DEFAULT_THETA = 10000;

const THETAS = ["global_rope_theta", "rope_global_theta", "rope_theta_global", "rope_theta", "rotary_emb_base"];
const LOCAL_THETAS = [
  ...["local_rope_theta", "rope_local_theta", "rope_theta_local", "swa_rope_theta", "rope_local_base_freq"],
];

/** Ways to scale that every architecture follows; the last is a plain one with sections. */
const COMMON_TYPES = ["default", "none", "linear", "yarn", "mrope"];

/** Other names of the ways that only some follow. */
const FEATURES: Readonly<Record<string, RopeFeature>> = {
  llama3: "llama3",
  longrope: "longrope",
  su: "longrope",
  dynamic: "dynamic",
};

/** What a config says of its rotary embeddings. */
export interface Rope {
  /** Base of the frequencies, where it is stated; and of layers with a window. */
  readonly theta?: number;
  readonly localTheta?: number;
  readonly type: string;
  readonly parameters: JsonObject;
}

/**
 * Reads `rope_parameters`, or `rope_scaling` and the keys beside it.
 * @param features ways to scale that the architecture follows beside the common ones
 * @throws QuantizeError `unsupported` for others
 */
export function ropeOf(config: Config, features: readonly RopeFeature[] = []): Rope {
  const given = valueOf(config, "rope_parameters", "rope_scaling");
  const all = isJsonObject(given) ? given : {};
  const [full, sliding] = [all["full_attention"], all["sliding_attention"]];
  const parameters = isJsonObject(full) ? full : all;
  const type = String(parameters["rope_type"] ?? parameters["type"] ?? "default").toLowerCase();
  const feature = FEATURES[type];
  if (!COMMON_TYPES.includes(type) && (feature === undefined || !features.includes(feature))) {
    const supported = [...COMMON_TYPES, ...features].join(", ");
    const message = `${config.where}: rope scaling "${type}" is not supported, only ${supported}`;
    throw new QuantizeError("unsupported", message);
  }
  const theta = numberIn(parameters, "rope_theta") ?? numberOf(config, ...THETAS);
  const local = isJsonObject(sliding) ? numberIn(sliding, "rope_theta") : numberOf(config, ...LOCAL_THETAS);
  return {
    ...{ type, parameters },
    ...(theta === undefined ? {} : { theta }),
    ...(local === undefined ? {} : { localTheta: local }),
  };
}

function numberIn(parameters: JsonObject, key: string): number | undefined {
  const value = parameters[key];
  return typeof value === "number" ? value : undefined;
}

/** A number among the parameters, or beside them as older configs have it. */
export function ropeNumber(config: Config, key: string): number | undefined {
  return numberIn(ropeParameters(config), key) ?? numberOf(config, key);
}

/** The parameters of the rotary embeddings, of layers without a window where there are others. */
export function ropeParameters(config: Config): JsonObject {
  const given = valueOf(config, "rope_parameters", "rope_scaling");
  if (!isJsonObject(given)) return {};
  const full = given["full_attention"];
  return isJsonObject(full) ? full : given;
}

/** Weights of a head that are rotated, where only a share of them is. */
export function partialDimension(config: Config, otherwise: number, ...names: readonly string[]): number {
  const keys = names.length === 0 ? ["partial_rotary_factor"] : names;
  const share = keys.map((key) => ropeNumber(config, key)).find((value) => value !== undefined);
  return Math.trunc(headDimension(config) * (share ?? otherwise));
}

/** Adds the keys of the scaling and of the base frequencies. */
export function addRopeMetadata(
  metadata: Metadata,
  architecture: string,
  { theta, localTheta, type, parameters }: Rope,
): void {
  const float = (key: string, value: unknown) => {
    if (typeof value === "number")
      metadata.set(`${architecture}.rope.${key}`, { type: "float32", value: fround(value) });
  };
  const scaling = type === "su" ? "longrope" : type;
  if (["linear", "yarn"].includes(type) ? parameters["factor"] !== undefined : scaling === "longrope") {
    metadata.set(`${architecture}.rope.scaling.type`, { type: "string", value: scaling });
  }
  if (type === "linear" || type === "yarn") float("scaling.factor", parameters["factor"]);
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
  const sections = parameters["mrope_section"];
  if (Array.isArray(sections) && sections.every((n) => Number.isInteger(n))) {
    const values = Int32Array.from([...(sections as number[]), 0, 0, 0, 0].slice(0, 4));
    metadata.set(`${architecture}.rope.dimension_sections`, { type: "array", elementType: "int32", values });
  }
  float("freq_base", theta);
  float("freq_base_swa", localTheta);
}

/**
 * Factors that llama.cpp reads as tensors.
 * @param dimension rotated weights of a head
 * @throws QuantizeError `bad-format` for lists of another length
 */
export function ropeTensors(rope: Rope, dimension: number, where: string): Tensor[] {
  if (rope.type === "llama3") return [vector("rope_freqs.weight", llama3Factors(rope, dimension))];
  if (FEATURES[rope.type] !== "longrope") return [];
  return (["long", "short"] as const).map((name) => {
    const factors = rope.parameters[`${name}_factor`];
    if (!Array.isArray(factors) || factors.length !== dimension / 2 || !factors.every((x) => typeof x === "number")) {
      const found = Array.isArray(factors) ? factors.length : "none";
      const expected = `expected ${dimension / 2} numbers, found ${found}`;
      throw new QuantizeError("bad-format", `${where}: key "${name}_factor" of the rope scaling: ${expected}`);
    }
    return vector(`rope_factors_${name}.weight`, Float32Array.from(factors as number[]));
  });
}

function vector(name: string, values: Float32Array): Tensor {
  const bytes = new Uint8Array(values.buffer);
  const extents = [{ file: 0, byteOffset: 0, byteLength: bytes.length, bytes }];
  return { name, shape: [values.length], codec: "f32", layout: "rows", extents };
}

/**
 * Llama 3.1's division of each rotary frequency: 1 for wavelengths that fit into the original context
 * `high_freq_factor` times, `factor` for those that fit less than `low_freq_factor` times, and between these
 * `1 / ((1 - s) / factor + s)` with s rising linearly in context over wavelength. Every step in f32, quotients of a
 * number by a vector as product with the reciprocal, as PyTorch computes it for llama.cpp's converter.
 */
function llama3Factors({ theta = DEFAULT_THETA, parameters }: Rope, dimension: number): Float32Array {
  const number = (key: string, otherwise: number) => numberIn(parameters, key) ?? otherwise;
  const factor = number("factor", 8);
  const low = number("low_freq_factor", 1);
  const high = number("high_freq_factor", 4);
  const context = number("original_max_position_embeddings", 8192);
  const over = (dividend: number, x: number) => fround(fround(1 / x) * fround(dividend));
  return Float32Array.from({ length: dimension / 2 }, (_, i) => {
    const frequency = over(1, fround(theta ** fround((2 * i) / dimension)));
    const wavelength = over(2 * Math.PI, frequency);
    if (wavelength < context / high) return 1;
    if (wavelength > context / low) return factor;
    const smooth = fround(fround(over(context, wavelength) - low) / fround(high - low));
    return over(1, fround(fround(fround(1 - smooth) / factor) + smooth));
  });
}
