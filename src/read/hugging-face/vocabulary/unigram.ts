/** Unigram vocabularies, which llama.cpp calls `t5`: the most probable way to cut a text into pieces. */
import { QuantizeError } from "../../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import type { MetadataValue } from "../../model.ts";
import { normalizerNotes, stepsIn } from "./normalizers.ts";
import { addsSpaceInFront, readSentencePiece } from "./sentencepiece.ts";
import { emptyTokens, placeAddedTokens, placeToken, TOKEN_KIND, type TokenList } from "./token-list.ts";
import { modelOf, type TokenizerFiles } from "./tokenizer-files.ts";
import type { Vocabulary } from "./vocabulary.types.ts";
import { tokenTypeCount } from "./wordpiece.ts";

/** How spaces and characters are treated before a text is cut. */
interface Spaces {
  readonly addsInFront: boolean;
  readonly removesExtra: boolean;
  readonly charactersMap: Uint8Array;
}

/** The vocabulary of a `tokenizer.json`: pieces as `[text, score]`. @throws QuantizeError `bad-format` */
export function unigramVocabulary(files: TokenizerFiles, tokenizer: JsonObject, size: number): Vocabulary {
  const { path } = files;
  const { vocab, unk_id: unknown } = modelOf(tokenizer, path);
  if (!Array.isArray(vocab)) throw new QuantizeError("bad-format", `${path}: key "model.vocab": expected a list`);
  const list = emptyTokens(size);
  for (const [id, piece] of (vocab as unknown[]).entries()) {
    const [text, score]: unknown[] = Array.isArray(piece) ? piece : [];
    if (typeof text !== "string" || typeof score !== "number") {
      throw new QuantizeError("bad-format", `${path}: token ${id}: expected a text and a score`);
    }
    placeToken(list, { id, text, score, kind: TOKEN_KIND.normal }, path);
  }
  const scores = list.scores.slice();
  placeAddedTokens(list, tokenizer["added_tokens"], path);
  // Added tokens that are pieces too keep the scores they have as such.
  for (const id of vocab.keys()) if (id < size) list.scores[id] = scores[id]!;
  if (typeof unknown === "number" && unknown < size) list.kinds[unknown] = TOKEN_KIND.unknown;
  const steps = [...stepsIn(tokenizer["normalizer"]), ...stepsIn(tokenizer["pre_tokenizer"])];
  const spaces = {
    addsInFront: addsSpaceInFront(tokenizer)!,
    removesExtra: steps.some(({ type }) => type === "WhitespaceSplit" || type === "Replace"),
    charactersMap: charactersMapOf(steps),
  };
  return t5Vocabulary(list, files, spaces, normalizerNotes(tokenizer, ["Precompiled", "Replace"]));
}

/**
 * The vocabulary of XLM-RoBERTa's `sentencepiece.bpe.model`. Hugging Face puts four tokens of its own before the
 * pieces from the third on, and `<mask>` behind them.
 */
export function xlmRobertaVocabulary(path: string, files: TokenizerFiles, size: number): Vocabulary {
  const model = readSentencePiece(path);
  if (!model.isUnigram) throw new QuantizeError("unsupported", `${path}: expected a unigram model, found pairs`);
  const list = emptyTokens(size);
  for (const [id, text] of ["<s>", "<pad>", "</s>", "<unk>"].entries()) {
    placeToken(list, { id, text, kind: text === "<unk>" ? TOKEN_KIND.unknown : TOKEN_KIND.control }, path);
  }
  const pieces = model.pieces.slice(3);
  for (const [index, { text, score }] of pieces.entries()) {
    placeToken(list, { id: index + 4, text, score, kind: TOKEN_KIND.normal }, path);
  }
  placeToken(list, { id: pieces.length + 4, text: "<mask>", kind: TOKEN_KIND.control }, path);
  const { addsSpaceInFront: addsInFront, removesExtraSpaces: removesExtra, charactersMap } = model;
  return t5Vocabulary(list, files, { addsInFront, removesExtra, charactersMap }, []);
}

/** The map of characters that a normalizer carries, base64. */
function charactersMapOf(steps: readonly JsonObject[]): Uint8Array {
  const map = steps.find(({ type }) => type === "Precompiled")?.["precompiled_charsmap"];
  return typeof map === "string" ? Uint8Array.from(Buffer.from(map, "base64")) : new Uint8Array(0);
}

function t5Vocabulary(list: TokenList, files: TokenizerFiles, spaces: Spaces, notes: string[]): Vocabulary {
  const flag = (value: boolean): MetadataValue => ({ type: "bool", value });
  const { addsInFront, removesExtra, charactersMap } = spaces;
  const map: MetadataValue = { type: "array", elementType: "uint8", values: charactersMap };
  return {
    ...{ model: "t5", pre: "default", list, hasScores: true, statesFlags: false, notes },
    extra: [
      ["add_space_prefix", flag(addsInFront)],
      tokenTypeCount(files),
      ["remove_extra_whitespaces", flag(removesExtra)],
      ...(charactersMap.length > 0 ? [["precompiled_charsmap", map] as const] : []),
    ],
  };
}

/** True for a `tokenizer.json` of this kind. */
export function isUnigram({ model }: JsonObject): boolean {
  return isJsonObject(model) && (model["type"] === "Unigram" || Array.isArray(model["vocab"]));
}
