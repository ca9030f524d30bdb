/**
 * The vocabulary of a Hugging Face folder as GGUF metadata. Which of llama.cpp's kinds it is of, the files tell: a
 * `tokenizer.json` by its model, and `tokenizer.model` where that one holds pieces with scores. Kinds that llama.cpp
 * does not have are left out with a note; the weights are worth having without.
 */
import { unknownName } from "../../../text/nearest-name.ts";
import type { JsonObject } from "../../json-text.ts";
import type { Metadata } from "../../model.ts";
import { byteLevelVocabulary, isByteLevel } from "./byte-level.ts";
import { addChatTemplate } from "./chat-template.ts";
import { PRE_TOKENIZER_NAMES } from "./pre-tokenizers.ts";
import { rankedVocabulary, sentencePiecePath, sentencePieceVocabulary } from "./sentencepiece.ts";
import { addSpecialTokens, type SpecialTokenRules } from "./special-tokens.ts";
import { checkDistinct, leftOutNote } from "./token-list.ts";
import { modelOf, readTokenizerFiles, type TokenizerFiles } from "./tokenizer-files.ts";
import { isUnigram, unigramVocabulary, xlmRobertaVocabulary } from "./unigram.ts";
import type { Vocabulary } from "./vocabulary.types.ts";
import { wordPieceVocabulary } from "./wordpiece.ts";

/** How text is cut, where the files leave it to people. */
export interface CutOptions {
  /** The name of one of llama.cpp's pre-tokenizers, for byte-level vocabularies. Default: what the files describe. */
  readonly preTokenizer?: string;
  /**
   * What becomes of a way to cut text that llama.cpp has no name for: an error (the default), or no
   * `tokenizer.ggml.pre` and a note, for those who only look.
   */
  readonly onUnknownCut?: "error" | "note";
}

/** What the vocabulary is read from, beside the folder. */
export interface VocabularySource extends CutOptions {
  readonly config: JsonObject;
  readonly rules: SpecialTokenRules;
  /** Rows of the embeddings. */
  readonly size: number;
}

/**
 * Adds `tokenizer.*` keys.
 * @returns notes for people where something could not be taken over, a sentence each
 * @throws QuantizeError `bad-format` for a tokenizer that contradicts itself, `unsupported` for an unknown cut,
 * `unknown-name` for a pre-tokenizer that llama.cpp does not have
 */
export function addVocabulary(metadata: Metadata, folder: string, source: VocabularySource): string[] {
  const { config, rules, size, preTokenizer } = source;
  if (preTokenizer !== undefined && !PRE_TOKENIZER_NAMES.includes(preTokenizer)) {
    throw unknownName("pre-tokenizer", preTokenizer, PRE_TOKENIZER_NAMES);
  }
  const files = readTokenizerFiles(folder, config);
  const vocabulary = readVocabulary(files, source);
  if (typeof vocabulary === "string") {
    // llama.cpp loads such a file; it can evaluate tokens, not text.
    metadata.set("tokenizer.ggml.model", { type: "string", value: "none" });
    return [`converted without vocabulary: ${vocabulary}`];
  }
  checkDistinct(vocabulary.list, files.path);
  addTokens(metadata, vocabulary);
  addSpecialTokens(metadata, files, rules, size, vocabulary.statesFlags);
  for (const [key, value] of vocabulary.extra) metadata.set(`tokenizer.ggml.${key}`, value);
  addChatTemplate(metadata, files);
  const note = leftOutNote(vocabulary.list);
  return [...vocabulary.notes, ...(note === undefined ? [] : [note])];
}

/** The vocabulary, or why there is none. */
function readVocabulary(files: TokenizerFiles, source: VocabularySource): Vocabulary | string {
  const { size, preTokenizer, onUnknownCut } = source;
  const { folder, tokenizer, path } = files;
  const pieces = sentencePiecePath(folder, "tokenizer.model");
  const xlmRoberta = sentencePiecePath(folder, "sentencepiece.bpe.model");
  if (tokenizer === undefined) {
    if (pieces !== undefined) return sentencePieceVocabulary(pieces, files, size);
    if (xlmRoberta !== undefined) return xlmRobertaVocabulary(xlmRoberta, files, size);
    return `no tokenizer.json in the folder`;
  }
  const { type, byte_fallback: hasBytes } = modelOf(tokenizer, path);
  if (type === "WordPiece") return wordPieceVocabulary(files, tokenizer, size);
  if (isUnigram(tokenizer) && pieces === undefined) return unigramVocabulary(files, tokenizer, size);
  if (type === "BPE" && hasBytes !== true && isByteLevel(tokenizer)) {
    const cut = { isStrict: onUnknownCut !== "note", ...(preTokenizer === undefined ? {} : { chosen: preTokenizer }) };
    return byteLevelVocabulary(files, tokenizer, size, cut);
  }
  if (pieces !== undefined) return sentencePieceVocabulary(pieces, files, size);
  if (type === "BPE" && hasBytes === true) return rankedVocabulary(files, tokenizer, size);
  return `${path}: expected SentencePiece, byte-level BPE, WordPiece or Unigram, found ${String(type)}`;
}

function addTokens(metadata: Metadata, { model, pre, list, hasScores, merges }: Vocabulary): void {
  const { texts, kinds, scores } = list;
  metadata.set("tokenizer.ggml.model", { type: "string", value: model });
  if (pre !== undefined) metadata.set("tokenizer.ggml.pre", { type: "string", value: pre });
  metadata.set("tokenizer.ggml.tokens", { type: "array", elementType: "string", values: texts });
  if (hasScores) metadata.set("tokenizer.ggml.scores", { type: "array", elementType: "float32", values: scores });
  metadata.set("tokenizer.ggml.token_type", { type: "array", elementType: "int32", values: kinds });
  if (merges !== undefined) {
    metadata.set("tokenizer.ggml.merges", { type: "array", elementType: "string", values: merges });
  }
}
