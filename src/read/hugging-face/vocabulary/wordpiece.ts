/**
 * WordPiece vocabularies, which llama.cpp calls `bert`. There a token marks the beginning of a word (`▁`) instead of
 * its continuation (`##`).
 */
import { QuantizeError } from "../../../errors.ts";
import { quote } from "../../../text/quote.ts";
import { type JsonObject } from "../../json-text.ts";
import type { MetadataValue } from "../../model.ts";
import { normalizerNotes, stepsIn } from "./normalizers.ts";
import { emptyTokens, placeAddedTokens, placeVocabulary, TOKEN_KIND } from "./token-list.ts";
import { modelOf, type TokenizerFiles } from "./tokenizer-files.ts";
import type { Vocabulary } from "./vocabulary.types.ts";

const CONTINUATION = "##";

/** Reads the vocabulary. @throws QuantizeError `bad-format`, `unsupported` for other signs of continuation */
export function wordPieceVocabulary(files: TokenizerFiles, tokenizer: JsonObject, size: number): Vocabulary {
  const { path } = files;
  const model = modelOf(tokenizer, path);
  const sign = model["continuing_subword_prefix"] ?? CONTINUATION;
  if (sign !== CONTINUATION) {
    const found = quote(String(sign));
    throw new QuantizeError("unsupported", `${path}: continuing_subword_prefix: expected "##", found ${found}`);
  }
  const list = emptyTokens(size);
  placeVocabulary(list, model["vocab"], path);
  placeAddedTokens(list, tokenizer["added_tokens"], path);
  for (const [id, text] of list.texts.entries()) {
    if (list.kinds[id] === TOKEN_KIND.control) continue;
    list.texts[id] = text.startsWith(CONTINUATION) ? text.slice(CONTINUATION.length) : `▁${text}`;
  }
  return {
    ...{ model: "bert", pre: "default", list, hasScores: false, statesFlags: false },
    extra: [tokenTypeCount(files), ...caseFlags(tokenizer)],
    notes: normalizerNotes(tokenizer, ["BertNormalizer"]),
  };
}

/** The number of kinds of text that embeddings tell apart: llama.cpp checks it against their tensor. */
export function tokenTypeCount({ config }: TokenizerFiles): readonly [string, MetadataValue] {
  const count = config["type_vocab_size"];
  return ["token_type_count", { type: "uint32", value: typeof count === "number" ? count : 1 }];
}

/** llama.cpp lower-cases and strips accents unless it is told otherwise; accents follow the case where nothing is said. */
function caseFlags(tokenizer: JsonObject): (readonly [string, MetadataValue])[] {
  const flags = stepsIn(tokenizer["normalizer"]).find(({ type }) => type === "BertNormalizer");
  if (flags === undefined) return [];
  return (["lowercase", "strip_accents"] as const).flatMap((name) => {
    const value = flags[name];
    return typeof value === "boolean" ? [[`normalizer.${name}`, { type: "bool", value }] as const] : [];
  });
}
