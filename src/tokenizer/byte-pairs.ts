/**
 * Byte-pair encoding of `gpt2` and `gemma4` vocabularies: text is cut into words, the bytes of a word (or its
 * characters) are merged as the list of merges says. (`llm_tokenizer_bpe_session`.)
 */
import type { Metadata } from "../read/model.ts";
import { encodeText } from "../read/lossless-utf8.ts";
import { BYTE_CHARACTERS } from "./byte-characters.ts";
import { byteTokenText } from "./byte-tokens.ts";
import { badKey, stringsOf } from "./metadata-values.ts";
import { makeMerger, type Merges } from "./merge-symbols.ts";
import { makePairTable } from "./pair-table.ts";
import { makeSegmenter } from "./segments.ts";
import { makeSymbols, type Symbols } from "./symbols.ts";
import { makeWordSplitter } from "./split-words.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { makeWordCache } from "./word-cache.ts";

const KEY = "tokenizer.ggml.merges";

/** More merges than the heap's keys can tell apart; real vocabularies have up to half a million. */
const MAX_MERGES = 2 ** 23;

/**
 * A function that appends the ids of a text to a list.
 * @throws QuantizeError `bad-format` for a file without merges
 */
export function makeBytePairEncoder(vocabulary: Vocabulary, metadata: Metadata): (text: string, out: number[]) => void {
  const { preTokenizer: way, ids } = vocabulary;
  const symbols = makeSymbols(vocabulary);
  const merge = makeMerger(readMerges(vocabulary, metadata, symbols));
  const split = makeWordSplitter(way.steps);
  const writeUnknown = way.isRaw ? unknownRaw(vocabulary) : unknownByteLevel(vocabulary);
  const byteSymbols = Int32Array.from(BYTE_CHARACTERS, symbols.numberOf);

  let buffer = new Int32Array(64);
  const reserve = (count: number): void => {
    if (count > buffer.length) buffer = new Int32Array(count * 2);
  };
  /** Writes the symbols of a word into the buffer and returns how many there are. */
  const readBytes = (word: string): number => {
    const bytes = Buffer.from(word);
    reserve(bytes.length);
    for (let i = 0; i < bytes.length; i++) buffer[i] = byteSymbols[bytes[i]!]!;
    return bytes.length;
  };
  const readCharacters = (word: string): number => {
    reserve(word.length);
    let count = 0;
    for (const character of word) buffer[count++] = symbols.numberOf(character);
    return count;
  };

  const encodeWord = (word: string, out: number[]): void => {
    if (way.ignoresMerges || (way.keepsLineEnds && /^\n+$/.test(word))) {
      const id = ids.get(way.isRaw ? word : byteText(word));
      if (id !== undefined) {
        out.push(id);
        return;
      }
    }
    // Reading may make a larger buffer.
    const length = way.isRaw ? readCharacters(word) : readBytes(word);
    const count = merge(buffer, length);
    for (let i = 0; i < count; i++) {
      const symbol = buffer[i]!;
      if (symbols.isToken(symbol)) out.push(symbol);
      else writeUnknown(symbols.textOf(symbol), out);
    }
  };

  const encode = makeWordCache(encodeWord);
  // Lines are long, and no two are alike: where spaces always begin a token, they may be cut without harm.
  const segment = way.escapesSpaces ? makeSegmenter(symbols.texts()) : undefined;
  return (text, out) => {
    split(way.escapesSpaces ? text.replaceAll(" ", "▁") : text, (word) => {
      if (segment === undefined) encode(word, out);
      else segment(word, (part) => encode(part, out));
    });
  };
}

/** The word as a byte-level vocabulary writes it. */
function byteText(word: string): string {
  let text = "";
  for (const byte of Buffer.from(word)) text += BYTE_CHARACTERS[byte];
  return text;
}

/** A merge `left right` makes the symbol `leftright`, be it a token or not; its place in the list is its rank. */
function readMerges({ where, preTokenizer }: Vocabulary, metadata: Metadata, symbols: Symbols): Merges {
  const list = preTokenizer.mayLackMerges && !metadata.has(KEY) ? [] : stringsOf(metadata, KEY, where);
  if (list.length > MAX_MERGES) throw badKey(where, KEY, `at most ${MAX_MERGES} merges`, String(list.length));
  const pairs = makePairTable(list.length);
  const results = new Int32Array(list.length);
  for (let rank = 0; rank < list.length; rank++) {
    const text = list[rank]!;
    const space = text.indexOf(" ", 1);
    if (space < 0) throw badKey(where, KEY, '"left right"', `${JSON.stringify(text.slice(0, 64))} (merge ${rank})`);
    const left = symbols.numberOf(text.slice(0, space));
    const right = symbols.numberOf(text.slice(space + 1));
    results[rank] = symbols.numberOf(text.slice(0, space) + text.slice(space + 1));
    // The first of equal merges counts.
    if (pairs.find(left, right) < 0) pairs.add(left, right, rank);
  }
  return { find: pairs.find, orderOf: (rank) => rank, resultOf: (rank) => results[rank]! };
}

/** A symbol that is no token: its characters that are one by themselves; llama.cpp drops the others. */
function unknownByteLevel({ ids }: Vocabulary): (text: string, out: number[]) => void {
  return (text, out) => {
    for (const character of text) {
      // It looks up single bytes of UTF-8, of which only ASCII can be a token.
      const id = character < "\x80" ? ids.get(character) : undefined;
      if (id !== undefined) out.push(id);
    }
  };
}

/** A symbol that is no token: the tokens of its bytes, where there are any. */
function unknownRaw({ ids }: Vocabulary): (text: string, out: number[]) => void {
  return (text, out) => {
    for (const byte of encodeText(text)) {
      const id = ids.get(byteTokenText(byte));
      if (id !== undefined) out.push(id);
    }
  };
}
