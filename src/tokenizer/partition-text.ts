/**
 * Cuts text at special tokens: control tokens where they are to be parsed, user-defined ones always.
 *
 * llama.cpp searches for one token after the other, the longest (in bytes) first, in what the ones before have left.
 * There may be thousands of them: here one pass through the text finds out which of them it holds at all.
 */
import { textByteLength } from "../read/lossless-utf8.ts";
import { ATTRIBUTE, HIDDEN, SPECIAL } from "./token-attributes.ts";
import { makeTrie, type Trie } from "./trie.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** A token, or text between tokens. */
export type Fragment = number | string;

/** The `isspace` of C. */
const SPACES = " \t\n\v\f\r";

/** What a unit of the text is: part of no token, the first or another one of a token, or white space a token takes. */
const FREE = 0;
const FIRST = 1;
const INSIDE = 2;
const STRIPPED = 3;

interface SpecialToken {
  readonly id: number;
  readonly text: string;
  readonly attributes: number;
}

/**
 * A function that cuts text into fragments.
 * @returns for the function: tokens and the texts between them, none of them empty
 */
export function makePartitioner(vocabulary: Vocabulary): (text: string, parsesHidden: boolean) => Fragment[] {
  const tokens = specialTokens(vocabulary);
  const trie = makeTrie(tokens.length);
  for (const [index, { text }] of tokens.entries()) trie.add(unitsOf(text), index);
  return (text, parsesHidden) => {
    const found = tokensIn(text, trie).map((index) => tokens[index]!);
    const wanted = parsesHidden ? found : found.filter(({ attributes }) => !(attributes & HIDDEN));
    if (wanted.length === 0) return text === "" ? [] : [text];
    const marks = new Uint8Array(text.length);
    const ids = new Map<number, SpecialToken>();
    for (const token of wanted) for (const start of takeToken(text, marks, token)) ids.set(start, token);
    return fragments(text, marks, ids);
  };
}

/** In the order of precedence. */
function specialTokens({ texts, attributes }: Vocabulary): SpecialToken[] {
  const tokens: (SpecialToken & { byteLength: number })[] = [];
  for (let id = 0; id < texts.length; id++) {
    const text = texts[id]!;
    if (!(attributes[id]! & SPECIAL)) continue;
    tokens.push({ id, text, attributes: attributes[id]!, byteLength: textByteLength(text) });
  }
  return tokens.sort((a, b) => b.byteLength - a.byteLength);
}

function unitsOf(text: string): Uint16Array {
  return Uint16Array.from({ length: text.length }, (_, i) => text.charCodeAt(i));
}

/** Indices of the tokens that stand anywhere in the text, in order. */
function tokensIn(text: string, trie: Trie): number[] {
  const found = new Set<number>();
  for (let start = 0; start < text.length; start++) {
    let node = trie.child(0, text.charCodeAt(start));
    for (let i = start + 1; node >= 0; i++) {
      const index = trie.valueOf(node);
      if (index >= 0) found.add(index);
      node = i < text.length ? trie.child(node, text.charCodeAt(i)) : -1;
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** Marks a token wherever all of its units are free, from left to right. Returns where it begins. */
function takeToken(text: string, marks: Uint8Array, { text: token, attributes }: SpecialToken): number[] {
  const starts: number[] = [];
  for (let start = text.indexOf(token); start >= 0; start = text.indexOf(token, start)) {
    const end = start + token.length;
    const taken = marks.subarray(start, end).findLastIndex((mark) => mark !== FREE);
    if (taken >= 0) {
      start += taken + 1;
      continue;
    }
    marks.fill(INSIDE, start, end);
    marks[start] = FIRST;
    starts.push(start);
    if (attributes & ATTRIBUTE.stripsLeft) {
      for (let i = start - 1; marks[i] === FREE && SPACES.includes(text[i]!); i--) marks[i] = STRIPPED;
    }
    if (attributes & ATTRIBUTE.stripsRight) {
      for (let i = end; marks[i] === FREE && SPACES.includes(text[i]!); i++) marks[i] = STRIPPED;
    }
    start = end;
  }
  return starts;
}

function fragments(text: string, marks: Uint8Array, tokens: ReadonlyMap<number, SpecialToken>): Fragment[] {
  const list: Fragment[] = [];
  for (let i = 0; i < text.length;) {
    const start = i;
    if (marks[i] === FREE) {
      while (i < text.length && marks[i] === FREE) i++;
      list.push(text.slice(start, i));
    } else if (marks[i] === FIRST) {
      const { id, text: token } = tokens.get(start)!;
      list.push(id);
      i += token.length;
    } else i++;
  }
  return list;
}
