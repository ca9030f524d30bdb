/**
 * The vocabulary of a Hugging Face folder as GGUF metadata: byte-level BPE as `tokenizer.json` describes it. Other
 * kinds are left out with a note; the weights are worth converting without it.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../errors.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "./json-text.ts";
import type { Metadata } from "./model.ts";
import { preTokenizerName } from "./pre-tokenizer.ts";
import { quote } from "./quote.ts";
import { addSpecialTokens } from "./special-tokens.ts";

/** llama.cpp's kinds of tokens. */
const NORMAL = 1;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

/**
 * Adds `tokenizer.*` keys.
 * @returns a note for people where something could not be taken over
 * @throws QuantizeError `bad-format` for a tokenizer that contradicts itself or the config
 */
export function addVocabulary(
  metadata: Metadata,
  folder: string,
  config: JsonObject,
  vocabularySize: number,
): string | undefined {
  const path = join(folder, "tokenizer.json");
  if (!existsSync(path)) return withoutVocabulary(metadata, "no tokenizer.json in the folder");
  const tokenizer = readJsonObject(path);
  const { model } = tokenizer;
  if (!isJsonObject(model)) throw new QuantizeError("bad-format", `${path}: key "model": expected an object`);
  if (model["type"] !== "BPE" || model["byte_fallback"] === true || !isByteLevel(tokenizer)) {
    return withoutVocabulary(metadata, "its tokenizer is not of the kind byte-level BPE");
  }
  const { texts, types } = listTokens(tokenizer, model, vocabularySize, path);
  const merges = mergesOf(model, path);
  const pre = preTokenizerName(tokenizer);
  metadata.set("tokenizer.ggml.model", { type: "string", value: "gpt2" });
  metadata.set("tokenizer.ggml.pre", { type: "string", value: pre ?? "default" });
  metadata.set("tokenizer.ggml.tokens", { type: "array", elementType: "string", values: texts });
  metadata.set("tokenizer.ggml.token_type", { type: "array", elementType: "int32", values: types });
  metadata.set("tokenizer.ggml.merges", { type: "array", elementType: "string", values: merges });
  const tokenizerConfig = readOptional(join(folder, "tokenizer_config.json"));
  const templatePath = join(folder, "chat_template.jinja");
  const chatTemplate = existsSync(templatePath) ? readFileSync(templatePath, "utf8") : undefined;
  const files = { tokenizer, tokenizerConfig, config, ...(chatTemplate === undefined ? {} : { chatTemplate }) };
  addSpecialTokens(metadata, files, vocabularySize);
  return pre === undefined
    ? `the way ${path} cuts text is not known to us: tokenizer.ggml.pre is "default", set it with --override-kv`
    : undefined;
}

/** llama.cpp loads such a file; it can evaluate tokens, not text. */
function withoutVocabulary(metadata: Metadata, reason: string): string {
  metadata.set("tokenizer.ggml.model", { type: "string", value: "none" });
  return `converted without vocabulary: ${reason}`;
}

function readOptional(path: string): JsonObject {
  return existsSync(path) ? readJsonObject(path) : {};
}

function isByteLevel({ decoder, pre_tokenizer: pre }: JsonObject): boolean {
  const hasByteLevel = (value: unknown): boolean =>
    isJsonObject(value) &&
    (value["type"] === "ByteLevel" ||
      [value["decoders"], value["pretokenizers"]].some((steps) => Array.isArray(steps) && steps.some(hasByteLevel)));
  return hasByteLevel(decoder) || hasByteLevel(pre);
}

/** Text and kind of each id; ids without a token get a placeholder, as llama.cpp wants one for each row. */
function listTokens(
  tokenizer: JsonObject,
  model: JsonObject,
  vocabularySize: number,
  path: string,
): { texts: string[]; types: Int32Array } {
  const texts = Array.from({ length: vocabularySize }, (_, id) => `[PAD${id}]`);
  const types = new Int32Array(vocabularySize).fill(UNUSED);
  const place = (id: unknown, text: string, type: number) => {
    if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= vocabularySize) {
      const expected = `expected an id below ${vocabularySize} (vocab_size of the config)`;
      throw new QuantizeError("bad-format", `${path}: token ${quote(text)}: ${expected}, found ${String(id)}`);
    }
    if (types[id] === NORMAL && texts[id] !== text) {
      throw new QuantizeError("bad-format", `${path}: tokens ${quote(texts[id]!)} and ${quote(text)} share id ${id}`);
    }
    texts[id] = text;
    types[id] = type;
  };
  if (!isJsonObject(model["vocab"])) {
    throw new QuantizeError("bad-format", `${path}: key "model.vocab": expected an object`);
  }
  for (const [text, id] of Object.entries(model["vocab"])) place(id, text, NORMAL);
  const added: unknown[] = Array.isArray(tokenizer["added_tokens"]) ? tokenizer["added_tokens"] : [];
  for (const token of added) {
    if (!isJsonObject(token) || typeof token["content"] !== "string") {
      throw new QuantizeError("bad-format", `${path}: key "added_tokens": expected objects with a content`);
    }
    const { id, content, special } = token;
    if (special === true || looksSpecial(content as string)) place(id, content as string, CONTROL);
    // llama.cpp looks for these in the text as it stands, with spaces for the sign that tokenizers write instead.
    else place(id, (content as string).replaceAll("▁", " "), USER_DEFINED);
  }
  return { texts, types };
}

/** Tokens that some folders forget to mark: llama.cpp's converter takes them for control tokens, too. */
function looksSpecial(text: string): boolean {
  return (
    ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].includes(text) ||
    (text.startsWith("<|") && text.endsWith("|>")) ||
    (text.startsWith("<｜") && text.endsWith("｜>")) ||
    (text.startsWith("<unused") && text.endsWith(">"))
  );
}

/** Merges as "left right"; in the newer form of pairs, where parts may hold spaces, these are byte-encoded. */
function mergesOf({ merges }: JsonObject, path: string): string[] {
  if (!Array.isArray(merges)) throw new QuantizeError("bad-format", `${path}: key "model.merges": expected a list`);
  return merges.map((merge: unknown, index) => {
    if (typeof merge === "string") return merge;
    if (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string")) {
      return merge.map((part) => part.replaceAll(" ", "Ġ")).join(" ");
    }
    throw new QuantizeError("bad-format", `${path}: merge ${index}: expected "left right" or a pair`);
  });
}
