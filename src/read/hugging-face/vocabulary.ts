/**
 * The vocabulary of a Hugging Face folder as GGUF metadata: SentencePiece (`tokenizer.model`, or what became of it in
 * `tokenizer.json`) and byte-level BPE. Other kinds are left out with a note; the weights are worth having without.
 */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { readWholeFile } from "../input-file.ts";
import { isJsonObject, type JsonObject } from "../json-text.ts";
import type { Metadata } from "../model.ts";
import { parseSentencePiece, TOKEN_KIND } from "./parse-sentencepiece.ts";
import { preTokenizerName } from "./pre-tokenizer.ts";
import { quote } from "../../text/quote.ts";
import { addSpecialTokens } from "./special-tokens.ts";
import {
  emptyTokens,
  mergePairs,
  placeAddedTokens,
  placeToken,
  readTokenizerFiles,
  type TokenizerFiles,
  type TokenList,
} from "./tokenizer-files.ts";

/** Largest SentencePiece model: real ones have up to 5 MB. */
const MAX_MODEL_BYTES = 1 << 27;

/**
 * Adds `tokenizer.*` keys.
 * @returns a note for people where something could not be taken over
 * @throws QuantizeError `bad-format` for a tokenizer that contradicts itself or the config
 */
export function addVocabulary(
  metadata: Metadata,
  folder: string,
  config: JsonObject,
  size: number,
): string | undefined {
  const files = readTokenizerFiles(folder, config);
  const modelPath = join(folder, "tokenizer.model");
  const path = join(folder, "tokenizer.json");
  const { model } = files.tokenizer;
  if (existsSync(modelPath)) {
    addPieces(metadata, files, sentencePieceTokens(modelPath, files, size));
    return undefined;
  }
  if (!existsSync(path)) return withoutVocabulary(metadata, "no tokenizer.json in the folder");
  if (!isJsonObject(model)) throw new QuantizeError("bad-format", `${path}: key "model": expected an object`);
  if (model["type"] === "BPE" && model["byte_fallback"] === true) {
    addPieces(metadata, files, rankedTokens(path, files, model, size));
    return undefined;
  }
  if (model["type"] !== "BPE" || !isByteLevel(files.tokenizer)) {
    return withoutVocabulary(metadata, "its tokenizer is neither SentencePiece nor byte-level BPE");
  }
  return addByteLevel(metadata, files, model, size, path);
}

/** llama.cpp loads such a file; it can evaluate tokens, not text. */
function withoutVocabulary(metadata: Metadata, reason: string): string {
  metadata.set("tokenizer.ggml.model", { type: "string", value: "none" });
  return `converted without vocabulary: ${reason}`;
}

function isByteLevel({ decoder, pre_tokenizer: pre }: JsonObject): boolean {
  const hasByteLevel = (value: unknown): boolean =>
    isJsonObject(value) &&
    (value["type"] === "ByteLevel" ||
      [value["decoders"], value["pretokenizers"]].some((steps) => Array.isArray(steps) && steps.some(hasByteLevel)));
  return hasByteLevel(decoder) || hasByteLevel(pre);
}

function addTokens(metadata: Metadata, model: string, pre: string, { texts, kinds, scores }: TokenList): void {
  metadata.set("tokenizer.ggml.model", { type: "string", value: model });
  metadata.set("tokenizer.ggml.pre", { type: "string", value: pre });
  metadata.set("tokenizer.ggml.tokens", { type: "array", elementType: "string", values: texts });
  if (model === "llama") {
    metadata.set("tokenizer.ggml.scores", { type: "array", elementType: "float32", values: scores });
  }
  metadata.set("tokenizer.ggml.token_type", { type: "array", elementType: "int32", values: kinds });
}

function addByteLevel(
  metadata: Metadata,
  files: TokenizerFiles,
  model: JsonObject,
  size: number,
  path: string,
): string | undefined {
  const list = emptyTokens(size);
  placeVocabulary(list, model, path, () => TOKEN_KIND.normal);
  placeAddedTokens(list, files.tokenizer["added_tokens"], path);
  const pre = preTokenizerName(files.tokenizer);
  addTokens(metadata, "gpt2", pre ?? "default", list);
  // Parts may hold spaces in the form of pairs: these are byte-encoded, as everything else is.
  const merges = mergePairs(model["merges"], path).map(([left, right]) =>
    `${left}\n${right}`.replaceAll(" ", "Ġ").replace("\n", " "),
  );
  metadata.set("tokenizer.ggml.merges", { type: "array", elementType: "string", values: merges });
  addSpecialTokens(metadata, files, size);
  return pre === undefined
    ? `the way ${path} cuts text is not known to us: tokenizer.ggml.pre is "default", set it with --override-kv`
    : undefined;
}

/** Places `model.vocab`. */
function placeVocabulary(list: TokenList, model: JsonObject, path: string, kindOf: (text: string) => number): void {
  if (!isJsonObject(model["vocab"])) {
    throw new QuantizeError("bad-format", `${path}: key "model.vocab": expected an object`);
  }
  for (const [text, id] of Object.entries(model["vocab"])) {
    const other = list.kinds[id as number] === TOKEN_KIND.unused ? undefined : list.texts[id as number];
    if (other !== undefined) {
      throw new QuantizeError(
        "bad-format",
        `${path}: tokens ${quote(other)} and ${quote(text)} share id ${String(id)}`,
      );
    }
    placeToken(list, id, text, kindOf(text), 0, path);
  }
}

/** Pieces with the scores they were trained with. Those beyond the embeddings' rows do not count. */
function sentencePieceTokens(path: string, { tokenizerConfig }: TokenizerFiles, size: number): TokenList {
  const list = emptyTokens(size);
  const pieces = parseSentencePiece(readWholeFile(path, MAX_MODEL_BYTES), path);
  for (const [id, { text, score, kind }] of pieces.slice(0, size).entries()) {
    // llama.cpp's converter takes user-defined pieces for normal ones; tokens added later are told apart below.
    const isKnown = kind !== TOKEN_KIND.userDefined && kind >= TOKEN_KIND.normal && kind <= TOKEN_KIND.byte;
    placeToken(list, id, text, isKnown ? kind : TOKEN_KIND.normal, score, path);
  }
  const decoder = tokenizerConfig["added_tokens_decoder"];
  if (isJsonObject(decoder)) {
    const added = Object.entries(decoder).map(([id, token]) => ({ ...(token as JsonObject), id: Number(id) }));
    placeAddedTokens(
      list,
      added.filter(({ id }) => id < size),
      path,
    );
  }
  return list;
}

/**
 * SentencePiece pieces from a `tokenizer.json`, which has no scores but lists merges from the best to the worst. What
 * llama.cpp merges first is the piece with the highest score, so the rank of its first merge, negated, stands for it.
 */
function rankedTokens(path: string, { tokenizer }: TokenizerFiles, model: JsonObject, size: number): TokenList {
  const list = emptyTokens(size);
  const unknown = model["unk_token"];
  placeVocabulary(list, model, path, (text) =>
    /^<0x[0-9A-F]{2}>$/.test(text) ? TOKEN_KIND.byte : text === unknown ? TOKEN_KIND.unknown : TOKEN_KIND.normal,
  );
  const ids = new Map(list.texts.map((text, id) => [text, id]));
  const ranked = new Set<number>();
  for (const [rank, [left, right]] of mergePairs(model["merges"], path).entries()) {
    const id = ids.get(left + right);
    if (id === undefined || ranked.has(id)) continue;
    ranked.add(id);
    list.scores[id] = -rank;
  }
  const unknownId = typeof unknown === "string" ? ids.get(unknown) : undefined;
  placeAddedTokens(list, tokenizer["added_tokens"], path);
  if (unknownId !== undefined) list.kinds[unknownId] = TOKEN_KIND.unknown;
  return list;
}

function addPieces(metadata: Metadata, files: TokenizerFiles, list: TokenList): void {
  const prefix = files.tokenizerConfig["add_prefix_space"];
  addTokens(metadata, "llama", "default", list);
  if (typeof prefix === "boolean") metadata.set("tokenizer.ggml.add_space_prefix", { type: "bool", value: prefix });
  addSpecialTokens(metadata, files, list.texts.length);
}
