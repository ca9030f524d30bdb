/**
 * Tokens with a task (begin, end, padding, ...), whether they are added to a text, and the chat template: read from
 * `tokenizer_config.json`, the post-processor of `tokenizer.json` and `config.json`, in this order of authority.
 */
import { isJsonObject, type JsonObject } from "../json-text.ts";
import type { Metadata } from "../model.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

/** Names in Hugging Face's files, and the GGUF key of the id (the misspelling is the format's). */
const SPECIAL_TOKENS: readonly (readonly [name: string, key: string])[] = [
  ["bos", "tokenizer.ggml.bos_token_id"],
  ["eos", "tokenizer.ggml.eos_token_id"],
  ["unk", "tokenizer.ggml.unknown_token_id"],
  ["sep", "tokenizer.ggml.seperator_token_id"],
  ["pad", "tokenizer.ggml.padding_token_id"],
  ["cls", "tokenizer.ggml.cls_token_id"],
  ["mask", "tokenizer.ggml.mask_token_id"],
];

/** Adds ids below `vocabularySize`, the `add_..._token` flags and the chat template. */
export function addSpecialTokens(metadata: Metadata, files: TokenizerFiles, vocabularySize: number): void {
  const { tokenizerConfig, config } = files;
  const ids = addedTokenIds(files.tokenizer);
  for (const [name, key] of SPECIAL_TOKENS) {
    const text = contentOf(tokenizerConfig[`${name}_token`]);
    const id = (text !== undefined ? ids.get(text) : undefined) ?? config[`${name}_token_id`];
    if (isId(id, vocabularySize)) metadata.set(key, { type: "uint32", value: id });
  }
  const added = addedByTemplate(files);
  for (const name of ["bos", "eos"] as const) {
    const stated = tokenizerConfig[`add_${name}_token`];
    const value = typeof stated === "boolean" ? stated : added[name];
    if (value !== undefined) metadata.set(`tokenizer.ggml.add_${name}_token`, { type: "bool", value });
  }
  const template = chatTemplateOf(files);
  if (template !== undefined) metadata.set("tokenizer.chat_template", { type: "string", value: template });
}

function isId(value: unknown, vocabularySize: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < vocabularySize;
}

/** A token is given as its text, or as an object with it. */
function contentOf(value: unknown): string | undefined {
  const content = isJsonObject(value) ? value["content"] : value;
  return typeof content === "string" ? content : undefined;
}

function addedTokenIds({ added_tokens: added }: JsonObject): Map<string, unknown> {
  const tokens: unknown[] = Array.isArray(added) ? added : [];
  return new Map(tokens.filter(isJsonObject).map(({ content, id }) => [String(content), id]));
}

/** What a post-processor of the kind "template" puts before and behind a single text. */
function addedByTemplate({ tokenizer, tokenizerConfig }: TokenizerFiles): { bos?: boolean; eos?: boolean } {
  const root = tokenizer["post_processor"];
  if (!isJsonObject(root)) return {};
  const processors: unknown[] = Array.isArray(root["processors"]) ? root["processors"] : [root];
  const template = processors.filter(isJsonObject).find(({ type }) => type === "TemplateProcessing");
  const single = template?.["single"];
  if (!Array.isArray(single) || single.length < 2) return {};
  const tokenAt = (index: number) => {
    const piece: unknown = single.at(index);
    const token = isJsonObject(piece) ? piece["SpecialToken"] : undefined;
    return isJsonObject(token) ? token["id"] : undefined;
  };
  const [first, last] = [tokenAt(0), tokenAt(-1)];
  return {
    ...(first === undefined ? {} : { bos: first === contentOf(tokenizerConfig["bos_token"]) }),
    ...(last === undefined ? {} : { eos: last === contentOf(tokenizerConfig["eos_token"]) }),
  };
}

function chatTemplateOf({ tokenizerConfig, chatTemplate }: TokenizerFiles): string | undefined {
  const value = tokenizerConfig["chat_template"] ?? chatTemplate;
  if (typeof value === "string") return value;
  if (!Array.isArray(value)) return undefined;
  // Several named ones: the default is the one that programs use unasked.
  const templates: unknown[] = value;
  const chosen = templates.filter(isJsonObject).find(({ name }) => name === "default")?.["template"];
  return typeof chosen === "string" ? chosen : undefined;
}
