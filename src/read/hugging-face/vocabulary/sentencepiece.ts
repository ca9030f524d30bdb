/** SentencePiece vocabularies, which llama.cpp calls `llama`: from `tokenizer.model`, or what became of it in JSON. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { readWholeFile } from "../../input-file.ts";
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import { normalizerNotes, stepsIn } from "./normalizers.ts";
import { parseSentencePiece, type SentencePieceModel } from "./parse-sentencepiece.ts";
import { mergePairs, modelOf, type TokenizerFiles } from "./tokenizer-files.ts";
import {
  emptyTokens,
  placeAddedTexts,
  placeAddedTokens,
  placeToken,
  placeVocabulary,
  TOKEN_KIND,
  type TokenList,
} from "./token-list.ts";
import type { Vocabulary } from "./vocabulary.types.ts";

/** Largest SentencePiece model: real ones have up to 5 MB. */
const MAX_MODEL_BYTES = 1 << 27;

/** Steps of a normalizer that are SentencePiece's own way with spaces. */
const SPACES = ["Prepend", "Replace"];

/** Reads a SentencePiece model. @throws QuantizeError `bad-format` or `io` */
export function readSentencePiece(path: string): SentencePieceModel {
  return parseSentencePiece(readWholeFile(path, MAX_MODEL_BYTES), path);
}

/** The vocabulary of `tokenizer.model`: pieces with the scores they were trained with, and what was added to them. */
export function sentencePieceVocabulary(path: string, files: TokenizerFiles, size: number): Vocabulary {
  const model = readSentencePiece(path);
  const list = emptyTokens(size);
  for (const [id, { text, score, kind }] of model.pieces.entries()) {
    // llama.cpp's converter takes user-defined pieces for normal ones; tokens added later are told apart below.
    const isKnown = kind !== TOKEN_KIND.userDefined && kind >= TOKEN_KIND.normal && kind <= TOKEN_KIND.byte;
    placeToken(list, { id, text, score, kind: isKnown ? kind : TOKEN_KIND.normal }, path);
  }
  placeAddedTexts(list, files.addedTokens, join(files.folder, "added_tokens.json"));
  const decoder = files.tokenizerConfig["added_tokens_decoder"];
  if (isJsonObject(decoder)) {
    const added = Object.entries(decoder).map(([id, token]) => ({ ...(token as JsonObject), id: Number(id) }));
    placeAddedTokens(list, added, join(files.folder, "tokenizer_config.json"));
  }
  const isPlain = ["", "identity"].includes(model.normalization) && model.charactersMap.length === 0;
  return {
    ...llamaVocabulary(list, files, model.addsSpaceInFront),
    notes: isPlain ? [] : normalizerNotes({ normalizer: { type: "Precompiled" } }),
  };
}

/**
 * The same from a `tokenizer.json`, which has no scores but lists merges from the best to the worst. What llama.cpp
 * merges first is the piece with the highest score, so the rank of its first merge, negated, stands for it.
 */
export function rankedVocabulary(files: TokenizerFiles, tokenizer: JsonObject, size: number): Vocabulary {
  const { path } = files;
  const model = modelOf(tokenizer, path);
  const list = emptyTokens(size);
  const unknown = model["unk_token"];
  placeVocabulary(list, model["vocab"], path, (text) =>
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
  return { ...llamaVocabulary(list, files, true), notes: normalizerNotes(tokenizer, SPACES) };
}

function llamaVocabulary(list: TokenList, files: TokenizerFiles, addsSpace: boolean): Omit<Vocabulary, "notes"> {
  const stated = files.tokenizerConfig["add_prefix_space"];
  const adds = typeof stated === "boolean" ? stated : (addsSpaceInFront(files.tokenizer) ?? addsSpace);
  return {
    ...{ model: "llama", pre: "default", list, hasScores: true, statesFlags: false },
    // True is what llama.cpp takes unasked.
    extra: typeof stated === "boolean" || !adds ? [["add_space_prefix", { type: "bool", value: adds }]] : [],
  };
}

/** Whether a `tokenizer.json` puts a space in front of a text: by its normalizer, or by its way to mark spaces. */
export function addsSpaceInFront(tokenizer: JsonObject | undefined): boolean | undefined {
  if (tokenizer === undefined) return undefined;
  const metaspace = stepsIn(tokenizer["pre_tokenizer"]).find(({ type }) => type === "Metaspace");
  const scheme = metaspace?.["prepend_scheme"];
  const byMetaspace =
    metaspace !== undefined &&
    (typeof scheme === "string" ? scheme !== "never" : metaspace["add_prefix_space"] !== false);
  return byMetaspace || stepsIn(tokenizer["normalizer"]).some(({ type }) => type === "Prepend");
}

/** True when the folder has a SentencePiece model under that name. */
export function sentencePiecePath(folder: string, name: string): string | undefined {
  const path = join(folder, name);
  return existsSync(path) ? path : undefined;
}
