/**
 * The encoding of `bert` vocabularies, WordPiece: text is cut at white space, punctuation and Han; a word is written
 * with the longest token that begins it, again and again, or as unknown. (`llm_tokenizer_wpm_session`.)
 */
import type { Metadata } from "../read/model.ts";
import { badKey, boolOf } from "./metadata-values.ts";
import { CLASS, unicodeClasses } from "./unicode-classes.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { makeWordCache } from "./word-cache.ts";

/** CJK ideographs that stand alone: first and last. Extension E begins later than it should, as in Hugging Face's code. */
const SINGLE = [
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xf900, 0xfaff],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0x2f800, 0x2fa1f],
] as const;

/** A function that appends the ids of a text to a list. */
export function makeWordPieceEncoder(
  vocabulary: Vocabulary,
  metadata: Metadata,
): (text: string, out: number[]) => void {
  const { texts, ids, where } = vocabulary;
  const unknown = vocabulary.special.unknown;
  if (unknown === undefined) throw badKey(where, "tokenizer.ggml.unknown_token_id", "a token id", "none");
  const lowersCase = boolOf(metadata, "tokenizer.ggml.normalizer.lowercase", where) ?? true;
  const stripsAccents = boolOf(metadata, "tokenizer.ggml.normalizer.strip_accents", where) ?? lowersCase;
  const longest = texts.reduce((most, text) => Math.max(most, text.length), 0);

  const encode = makeWordCache((word, out) => {
    // GGUF marks what begins a word, not what continues it.
    const text = `▁${word}`;
    const found: number[] = [];
    for (let start = 0; start < text.length;) {
      let end = Math.min(text.length, start + longest);
      while (end > start && !ids.has(text.slice(start, end))) end--;
      if (end === start) {
        out.push(unknown);
        return;
      }
      found.push(ids.get(text.slice(start, end))!);
      start = end;
    }
    for (const id of found) out.push(id);
  });
  return (text, out) => {
    for (const word of wordsOf(text, lowersCase, stripsAccents)) encode(word, out);
  };
}

function wordsOf(text: string, lowersCase: boolean, stripsAccents: boolean): string[] {
  const classes = unicodeClasses();
  const words: string[] = [];
  let word = "";
  const endWord = (): void => {
    if (word !== "") words.push(word);
    word = "";
  };
  for (const character of text) {
    const plain = stripsAccents ? withoutAccents(character, classes) : character;
    const code = plain.codePointAt(0)!;
    const kind = classes[code];
    if (kind === CLASS.space) endWord();
    else if (code === 0 || code === 0xfffd || kind === CLASS.control) continue;
    else if (stripsAccents && kind === CLASS.mark) continue;
    else {
      const written = lowersCase ? lowerCase(plain, classes) : plain;
      if (kind === CLASS.punctuation || (code < 0x7f && kind === CLASS.symbol) || isSingle(code)) {
        endWord();
        words.push(written);
      } else word += written;
    }
  }
  endWord();
  return words;
}

function isSingle(code: number): boolean {
  return code >= 0x3400 && SINGLE.some(([first, last]) => code >= first && code <= last);
}

/** The first character of the canonical decomposition, as in llama.cpp: of a Hangul syllable, its first letter. */
function withoutAccents(character: string, classes: Uint8Array): string {
  return character < "\x80" ? character : firstOf(character, character.normalize("NFD"), classes);
}

function lowerCase(character: string, classes: Uint8Array): string {
  return firstOf(character, character.toLowerCase(), classes);
}

/** Characters that Unicode 15.1 does not have are left alone, whatever this engine knows of them. */
function firstOf(character: string, changed: string, classes: Uint8Array): string {
  const kind = classes[character.codePointAt(0)!];
  if (kind === CLASS.unassigned || kind === CLASS.hanUnassigned) return character;
  return String.fromCodePoint(changed.codePointAt(0)!);
}
