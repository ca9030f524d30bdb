/** How the weights of a folder are quantized, by the markers that programs leave in it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../../../errors.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "../../json-text.ts";
import { valueOf, type Config } from "../config.ts";

/** A method, and what it says of itself. */
export interface Quantization {
  readonly method: string;
  readonly settings: JsonObject;
  /** The file that says so, for error messages. */
  readonly where: string;
}

/**
 * Reads `quantization_config` of the config, or the files that older programs (`quantize_config.json`,
 * `quant_config.json`) and NVIDIA's (`hf_quant_config.json`) write beside it.
 * @returns undefined for a folder of floats
 */
export function quantizationOf(folder: string, config: Config): Quantization | undefined {
  const own = valueOf(config, "quantization_config", "compression_config");
  const nvidia = readOptional(folder, "hf_quant_config.json");
  if (isJsonObject(own)) {
    const method = String(own["quant_method"] ?? own["quant_algo"] ?? "of no stated method").toLowerCase();
    return { method, settings: own, where: config.where };
  }
  if (nvidia !== undefined)
    return { method: "modelopt", settings: nvidia, where: join(folder, "hf_quant_config.json") };
  for (const [name, method] of [
    ["quantize_config.json", "gptq"],
    ["quant_config.json", "awq"],
  ] as const) {
    const settings = readOptional(folder, name);
    const stated = settings?.["quant_method"] ?? method;
    if (settings !== undefined) return { method: String(stated), settings, where: join(folder, name) };
  }
  return undefined;
}

function readOptional(folder: string, name: string): JsonObject | undefined {
  const path = join(folder, name);
  return existsSync(path) ? readJsonObject(path) : undefined;
}

/** A whole number of the settings. @throws QuantizeError `bad-format` when it is none */
export function settingOf({ settings, where }: Quantization, ...keys: readonly string[]): number {
  const key = keys.find((name) => settings[name] !== undefined) ?? keys[0]!;
  const value = settings[key];
  if (typeof value === "number" && Number.isInteger(value)) return value;
  const found = JSON.stringify(value) ?? "none";
  throw new QuantizeError("bad-format", `${where}: key "${key}": expected a whole number, found ${found}`);
}
