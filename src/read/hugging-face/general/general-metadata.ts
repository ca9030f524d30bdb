/**
 * Keys under `general.` as llama.cpp's converter writes them: what the model is called, by its card, its config and
 * its folder, in this order; licence, origin, tags; how its authors sample from it.
 */
import { existsSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { isJsonObject, readJsonObject, type JsonObject } from "../../json-text.ts";
import type { Metadata, MetadataType, Tensor } from "../../model.ts";
import { readModelCard } from "./model-card.ts";
import { parseModelId, titleOf, type ModelId } from "./model-id.ts";
import { countWeights, sizeLabel } from "./size-label.ts";

/** `generation_config.json` to `general.sampling.*`. */
const SAMPLING: readonly (readonly [config: string, key: string, type: "int32" | "float32" | "string"])[] = [
  ["sequence", "sequence", "string"],
  ["top_k", "top_k", "int32"],
  ["top_p", "top_p", "float32"],
  ["min_p", "min_p", "float32"],
  ["xtc_probability", "xtc_probability", "float32"],
  ["xtc_threshold", "xtc_threshold", "float32"],
  ["temperature", "temp", "float32"],
  ["penalty_last_n", "penalty_last_n", "int32"],
  ["penalty_repeat", "penalty_repeat", "float32"],
  ["mirostat", "mirostat", "int32"],
  ["mirostat_tau", "mirostat_tau", "float32"],
  ["mirostat_eta", "mirostat_eta", "float32"],
];

/** Keys of `general.`, and where a card may say them, the first that is there. */
const CARD_KEYS = {
  name: ["name", "model_name"],
  author: ["author", "model_author", "model_creator"],
  version: ["version", "model_version"],
  organization: ["organization", "model_organization"],
  finetune: ["finetune", "model_finetune"],
  basename: ["basename", "model_basename", "model_type"],
  description: ["description", "model_description"],
  size_label: ["size_label", "model_size_label"],
  license: ["license"],
  "license.name": ["license_name"],
  "license.link": ["license_link"],
  "source.url": ["url", "model_url"],
  "source.doi": ["doi", "model_doi"],
  "source.uuid": ["uuid", "model_uuid"],
  "source.repo_url": ["repo_url", "model_repo_url"],
} as const;

/**
 * Adds the keys.
 * @param tensors of the model, which its size is counted from
 * @returns notes for people
 */
export async function addGeneralMetadata(
  metadata: Metadata,
  folder: string,
  config: JsonObject,
  tensors: readonly Tensor[],
): Promise<string[]> {
  const weights = countWeights(tensors);
  const { values: card, note } = await readModelCard(folder);
  addSampling(metadata, folder);
  const stated = config["_name_or_path"];
  const ids = [basename(resolve(folder))];
  // A path of somebody's machine is no name.
  if (typeof stated === "string" && stated !== "" && stated.split("/").length <= 2) ids.unshift(stated);
  const names = ids.map((id) => parseModelId(id, weights.total));
  const first = (read: (id: ModelId) => string | undefined) => names.map(read).find((value) => value !== undefined);
  const derived: Partial<Record<keyof typeof CARD_KEYS, string | undefined>> = {
    name: titleOf(names[0]!.name),
    organization: first(({ organization }) => organization && titleOf(organization)),
    basename: first((id) => id.basename),
    finetune: first((id) => id.finetune),
    version: first((id) => id.version),
    size_label: first((id) => id.sizeLabel) ?? sizeLabel(weights),
  };
  for (const [key, places] of Object.entries(CARD_KEYS) as [keyof typeof CARD_KEYS, readonly string[]][]) {
    const value = textOf(places.map((place) => card[place]).find((candidate) => candidate != null)) ?? derived[key];
    if (value !== undefined) metadata.set(`general.${key}`, { type: "string", value });
  }
  addOrigins(
    metadata,
    "base_model",
    card["base_model"] ?? card["base_models"] ?? card["base_model_sources"],
    weights.total,
  );
  addOrigins(metadata, "dataset", card["datasets"] ?? card["dataset"] ?? card["dataset_sources"], weights.total);
  addTexts(metadata, "general.tags", [card["tags"], card["pipeline_tag"]]);
  addTexts(metadata, "general.languages", [card["languages"], card["language"]]);
  return note === undefined ? [] : [note];
}

/** A value of a card as text: several as one line. */
function textOf(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (Array.isArray(value)) return (value as unknown[]).map(String).join(",");
  return typeof value === "number" || typeof value === "boolean" ? String(value) : undefined;
}

function addSampling(metadata: Metadata, folder: string): void {
  const path = join(folder, "generation_config.json");
  const config = existsSync(path) ? readJsonObject(path) : {};
  for (const [name, key, type] of SAMPLING) {
    const value = config[name];
    const isNumber =
      typeof value === "number" && Number.isFinite(value) && (type !== "int32" || Number.isInteger(value));
    if (type === "string" ? typeof value !== "string" : !isNumber) continue;
    const rounded = type === "float32" ? Math.fround(value as number) : (value as number | string);
    metadata.set(`general.sampling.${key}`, { type: type satisfies MetadataType, value: rounded });
  }
}

/** Models or data that a model comes from: by id, by address, or as a card describes them. */
function addOrigins(metadata: Metadata, key: string, value: unknown, weights: number): void {
  if (value === undefined || value === null) return;
  const list: unknown[] = Array.isArray(value) ? value : [value];
  metadata.set(`general.${key}.count`, { type: "uint32", value: list.length });
  for (const [index, origin] of list.entries()) {
    const facts = typeof origin === "string" ? originOf(origin, weights) : isJsonObject(origin) ? origin : {};
    for (const name of ["name", "author", "version", "organization", "description", "url", "doi", "uuid", "repo_url"]) {
      const fact = textOf(facts[name]);
      if (fact !== undefined) metadata.set(`general.${key}.${index}.${name}`, { type: "string", value: fact });
    }
  }
}

/** What an id or an address says of a model. */
function originOf(origin: string, weights: number): JsonObject {
  const isAddress = /^(https?|ssh):\/\//.test(origin);
  const id = isAddress ? /^https?:\/\/huggingface\.co\/([^/]+\/[^/]+)$/.exec(origin)?.[1] : origin;
  if (id === undefined) return { repo_url: origin };
  const { name, organization, version } = parseModelId(id, weights);
  const address = isAddress ? origin : organization && `https://huggingface.co/${organization}/${name}`;
  return {
    name: titleOf(name),
    ...(organization === undefined ? {} : { organization: titleOf(organization) }),
    ...(version === undefined ? {} : { version }),
    ...(address === undefined ? {} : { repo_url: address }),
  };
}

/** Lists and single texts as one list. */
function addTexts(metadata: Metadata, key: string, values: readonly unknown[]): void {
  const texts = values.flat().filter((text) => typeof text === "string");
  if (values.every((value) => value === undefined || value === null)) return;
  metadata.set(key, { type: "array", elementType: "string", values: texts });
}
