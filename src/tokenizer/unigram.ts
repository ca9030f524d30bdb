/**
 * The encoding of `t5` vocabularies, SentencePiece's unigram kind: of all ways to write a text as tokens, the one with
 * the highest sum of scores (Viterbi). (`llm_tokenizer_ugm_session`; sums in double precision, as there.)
 */
import type { Metadata } from "../read/model.ts";
import { encodeText } from "../read/lossless-utf8.ts";
import { makeNormalizer } from "./normalize-text.ts";
import { ATTRIBUTE } from "./token-attributes.ts";
import { makeTrie } from "./trie.ts";
import { badKey } from "./metadata-values.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** An unknown character scores that much less than the worst token. */
const UNKNOWN_PENALTY = 10;

const LARGEST_FLOAT = 2 ** 128 - 2 ** 104;

/** A function that appends the ids of a text to a list. */
export function makeUnigramEncoder(vocabulary: Vocabulary, metadata: Metadata): (text: string, out: number[]) => void {
  const { texts, attributes, scores, where } = vocabulary;
  const unknown = vocabulary.special.unknown;
  if (unknown === undefined) throw badKey(where, "tokenizer.ggml.unknown_token_id", "a token id", "none");
  const normalize = makeNormalizer(vocabulary, metadata);
  const tokens = makeTrie(texts.length);
  let lowest = LARGEST_FLOAT;
  for (let id = 0; id < texts.length; id++) {
    if (attributes[id]! & ATTRIBUTE.normal) lowest = Math.min(lowest, scores[id]!);
    if (attributes[id]! & (ATTRIBUTE.normal | ATTRIBUTE.userDefined | ATTRIBUTE.unused)) {
      tokens.add(encodeText(texts[id]!), id);
    }
  }
  const unknownScore = Math.fround(lowest - UNKNOWN_PENALTY);
  const scoreOf = (id: number): number => (attributes[id]! & ATTRIBUTE.userDefined ? 0 : scores[id]!);

  return (text, out) => {
    const bytes = normalize(text);
    /** For each place: the best sum of scores up to it, the token that ends there, and where that begins. */
    const best = new Float64Array(bytes.length + 1).fill(-Number.MAX_VALUE);
    const token = new Int32Array(bytes.length + 1).fill(unknown);
    const begin = new Int32Array(bytes.length + 1);
    best[0] = 0;
    const offer = (end: number, id: number, start: number, score: number): void => {
      if (!(score > best[end]!)) return;
      best[end] = score;
      token[end] = id;
      begin[end] = start;
    };
    for (let start = 0; start < bytes.length;) {
      const next = Math.min(start + characterLength(bytes[start]!), bytes.length);
      let isKnown = false;
      let node = tokens.child(0, bytes[start]!);
      for (let end = start + 1; node >= 0; end++) {
        const id = tokens.valueOf(node);
        if (id >= 0) {
          isKnown ||= end === next;
          offer(end, id, start, best[start]! + scoreOf(id));
        }
        node = end < bytes.length ? tokens.child(node, bytes[end]!) : -1;
      }
      if (!isKnown) offer(next, unknown, start, best[start]! + unknownScore);
      start = next;
    }
    const found: number[] = [];
    for (let end = bytes.length; end > 0; end = begin[end]!) {
      // Unknown characters side by side are one unknown token.
      if (token[end] !== unknown || found.at(-1) !== unknown) found.push(token[end]!);
    }
    for (let i = found.length - 1; i >= 0; i--) out.push(found[i]!);
  };
}

/** Bytes of the UTF-8 sequence that begins with this byte, 1 for those that begin none. */
function characterLength(lead: number): number {
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}
