/** Byte-level vocabularies, which llama.cpp calls `gpt2`: pairs of bytes, written as printable letters. */
import { QuantizeError } from "../../../errors.ts";
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import { normalizerNotes } from "./normalizers.ts";
import { cutOf } from "./pre-tokenizer-name.ts";
import { emptyTokens, placeAddedTokens, placeVocabulary } from "./token-list.ts";
import { mergePairs, modelOf, type TokenizerFiles } from "./tokenizer-files.ts";
import type { Vocabulary } from "./vocabulary.types.ts";

/** True when bytes are written as letters, as the decoder or the pre-tokenizer tells. */
export function isByteLevel({ decoder, pre_tokenizer: pre }: JsonObject): boolean {
  const hasByteLevel = (value: unknown): boolean =>
    isJsonObject(value) &&
    (value["type"] === "ByteLevel" ||
      [value["decoders"], value["pretokenizers"]].some((steps) => Array.isArray(steps) && steps.some(hasByteLevel)));
  return hasByteLevel(decoder) || hasByteLevel(pre);
}

/**
 * Reads the vocabulary.
 * @param chosen the name of a way to cut text that people decided on
 * @param isStrict without such a name, an unknown cut is an error; else it is left open, with a note
 * @throws QuantizeError `bad-format`, and `unsupported` naming the steps of an unknown cut
 */
export function byteLevelVocabulary(
  files: TokenizerFiles,
  tokenizer: JsonObject,
  size: number,
  { chosen, isStrict }: { readonly chosen?: string; readonly isStrict: boolean },
): Vocabulary {
  const { path } = files;
  const model = modelOf(tokenizer, path);
  const list = emptyTokens(size);
  placeVocabulary(list, model["vocab"], path);
  placeAddedTokens(list, tokenizer["added_tokens"], path, ({ content, normalized }) =>
    normalized === false ? decodedLetters(content) : content,
  );
  // Parts may hold spaces in the form of pairs: these are byte-encoded, as everything else is.
  const merges = mergePairs(model["merges"], path).map(([left, right]) =>
    `${left}\n${right}`.replaceAll(" ", "Ġ").replace("\n", " "),
  );
  const { known, steps, name } = cutOf(tokenizer);
  const pre = chosen ?? name;
  const unknown = `the way text is cut is none that llama.cpp has: ${steps.join("; ")}`;
  if (pre === undefined && isStrict) {
    const hint = "--pre-tokenizer <name> decides on one";
    throw new QuantizeError("unsupported", `${path}: key "pre_tokenizer": ${unknown} (${hint})`);
  }
  const notes = normalizerNotes(tokenizer);
  if (pre === undefined) notes.push(unknown);
  else if (chosen === undefined && known?.differs !== undefined) notes.push(known.differs);
  return {
    ...{ model: "gpt2", list, merges, hasScores: false, statesFlags: true, extra: [], notes },
    ...(pre === undefined ? {} : { pre }),
  };
}

/** Byte values by the letter that stands for them: printable ones for themselves, the others from U+0100 on. */
const BYTES: ReadonlyMap<string, number> = (() => {
  const isPrintable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let next = 256;
  return new Map(
    Array.from({ length: 256 }, (_, byte) => [String.fromCodePoint(isPrintable(byte) ? byte : next++), byte]),
  );
})();

/**
 * The text that a token is written for, where its letters stand for bytes: programs look for added tokens in the text
 * as it is. Tokens with other letters, or whose bytes are no text, stay as they are.
 */
function decodedLetters(token: string): string {
  const bytes = [...token].map((letter) => BYTES.get(letter));
  if (bytes.some((byte) => byte === undefined)) return token;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes as number[]));
  } catch {
    return token;
  }
}
