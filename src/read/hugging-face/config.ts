/** `config.json`, the part of it that describes the language model laid over the rest. */
import { QuantizeError } from "../../errors.ts";
import { isJsonObject, type JsonObject } from "../json-text.ts";

/** Keys under which models of several senses keep the config of the language model. */
const TEXT_CONFIGS = ["text_config", "llm_config", "lm_config", "language_config"];

/** A config, and the file for error messages. */
export interface Config {
  readonly values: JsonObject;
  readonly where: string;
  /** Layers behind the last one that are kept: they predict more than the next token. */
  readonly layersBehind: number;
}

/** Lays the language model's keys over the others, and both over what the architecture's own code takes unasked. */
export function textConfig(root: JsonObject, where: string, defaults: JsonObject = {}): Config {
  const thinker = root["thinker_config"];
  const inner = isJsonObject(thinker)
    ? thinker["text_config"]
    : TEXT_CONFIGS.map((key) => root[key]).find((value) => isJsonObject(value));
  return { values: { ...defaults, ...root, ...(isJsonObject(inner) ? inner : {}) }, where, layersBehind: 0 };
}

/** The first of the keys that is there and not null, with its value. */
function find({ values }: Config, keys: readonly string[]): { key: string; value: unknown } | undefined {
  const key = keys.find((name) => values[name] !== undefined && values[name] !== null);
  return key === undefined ? undefined : { key, value: values[key] };
}

/** The value of the first of the keys that is there. */
export function valueOf(config: Config, ...keys: readonly string[]): unknown {
  return find(config, keys)?.value;
}

function wrong({ where }: Config, key: string, expected: string, found: unknown): QuantizeError {
  const shown = JSON.stringify(found) ?? "none";
  return new QuantizeError("bad-format", `${where}: key "${key}": expected ${expected}, found ${shown.slice(0, 80)}`);
}

/** A finite number, undefined when none of the keys is there. @throws QuantizeError `bad-format` for anything else */
export function numberOf(config: Config, ...keys: readonly string[]): number | undefined {
  const found = find(config, keys);
  if (found === undefined) return undefined;
  if (typeof found.value === "number" && Number.isFinite(found.value)) return found.value;
  throw wrong(config, found.key, "a number", found.value);
}

/** The same, of a key that has to be there. */
export function requiredNumber(config: Config, ...keys: readonly string[]): number {
  const value = numberOf(config, ...keys);
  if (value !== undefined) return value;
  throw wrong(config, keys[0]!, "a number", undefined);
}

/** A whole number from 1 that has to be there. @throws QuantizeError `bad-format` naming the key */
export function countOf(config: Config, ...keys: readonly string[]): number {
  const found = find(config, keys);
  const { value } = found ?? {};
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value < 2 ** 31) return value;
  throw wrong(config, found?.key ?? keys[0]!, "a whole number from 1", value);
}

/** True or false, undefined when it is not there or something else. */
export function flagOf(config: Config, ...keys: readonly string[]): boolean | undefined {
  const value = valueOf(config, ...keys);
  return typeof value === "boolean" ? value : undefined;
}

/** A list, empty when it is not there. @throws QuantizeError `bad-format` for what is no list */
export function listOf(config: Config, key: string): readonly unknown[] {
  const value = valueOf(config, key);
  if (value === undefined) return [];
  if (Array.isArray(value)) return value as unknown[];
  throw wrong(config, key, "a list", value);
}

/** Keys with the number of experts. */
const EXPERT_COUNTS = ["num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"];

/** @throws QuantizeError `bad-format` when the config states none */
export function expertCount(config: Config): number {
  return countOf(config, ...EXPERT_COUNTS);
}

/** Layers of the model proper: those that predict more than the next token are counted elsewhere. */
export function layerCount(config: Config): number {
  return countOf(config, "num_hidden_layers", "n_layers", "n_layer", "num_layers");
}

export function headCount(config: Config): number {
  return countOf(config, "num_attention_heads", "n_head", "n_heads");
}

/** Heads of keys and values: without grouped queries, every head has its own. */
export function keyValueHeadCount(config: Config): number {
  return valueOf(config, "num_key_value_heads", "n_kv_heads", "num_kv_heads") === undefined
    ? headCount(config)
    : countOf(config, "num_key_value_heads", "n_kv_heads", "num_kv_heads");
}

export function hiddenSize(config: Config): number {
  return countOf(config, "hidden_size", "n_embd", "dim");
}

/** Weights per head. */
export function headDimension(config: Config): number {
  if (valueOf(config, "head_dim") !== undefined) return countOf(config, "head_dim");
  return Math.floor(hiddenSize(config) / headCount(config));
}
