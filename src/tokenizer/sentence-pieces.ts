/**
 * The encoding of `llama` vocabularies, SentencePiece's byte-pair kind: of all neighbours that together are a token,
 * those with the highest score are merged first. There is no cutting into words. (`llm_tokenizer_spm_session`.)
 */
import { makeByteFallback } from "./byte-tokens.ts";
import { makeMerger, type Merges } from "./merge-symbols.ts";
import { makeSegmenter } from "./segments.ts";
import { makeSymbols, type Symbols } from "./symbols.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { makeWordCache } from "./word-cache.ts";

/** A function that appends the ids of a text to a list. Spaces in it are no U+2581 yet. */
export function makeSentencePieceEncoder(vocabulary: Vocabulary): (text: string, out: number[]) => void {
  const symbols = makeSymbols(vocabulary);
  const merge = makeMerger(scoredMerges(vocabulary, symbols));
  const writeBytes = makeByteFallback(vocabulary);
  const segment = makeSegmenter(vocabulary.texts);
  let buffer = new Int32Array(64);

  const encode = makeWordCache((word, out) => {
    if (word.length > buffer.length) buffer = new Int32Array(word.length * 2);
    let length = 0;
    for (const character of word) buffer[length++] = symbols.numberOf(character);
    const count = merge(buffer, length);
    for (let i = 0; i < count; i++) {
      const symbol = buffer[i]!;
      if (symbols.isToken(symbol)) out.push(symbol);
      else writeBytes(symbols.textOf(symbol), out);
    }
  });
  return (text, out) => segment(text.replaceAll(" ", "▁"), (part) => encode(part, out));
}

/** Any two symbols that are a token together may be merged; a merge is known by the token it makes. */
function scoredMerges({ texts, ids, scores }: Vocabulary, symbols: Symbols): Merges {
  const order = orderByScore(scores);
  const longest = texts.reduce((most, text) => Math.max(most, text.length), 0);
  return {
    find(left, right) {
      const [first, second] = [symbols.textOf(left), symbols.textOf(right)];
      return first.length + second.length <= longest ? (ids.get(first + second) ?? -1) : -1;
    },
    orderOf: (token) => order[token]!,
    resultOf: (token) => token,
  };
}

/** For each token, how many other scores are higher than its own: equal scores have equal places. */
function orderByScore(scores: Float32Array): Int32Array {
  const sorted = Float32Array.from(scores).sort().reverse();
  const places = new Map<number, number>();
  for (const [place, score] of sorted.entries()) if (!places.has(score)) places.set(score, place);
  return Int32Array.from(scores, (score) => places.get(score)!);
}
