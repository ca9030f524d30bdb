/**
 * What `t5` vocabularies do to a text before it is encoded: characters are replaced by a table that came with the model
 * (ligatures, full-width letters, ...), spaces become U+2581, are put before words, or left out where there are several.
 * (`llm_tokenizer_ugm_session::normalize`.) On bytes, as there.
 *
 * `tokenizer.ggml.precompiled_charsmap`: u32 size, then that many bytes of a double array of u32 that matches prefixes,
 * then replacements, each ended by a zero byte. An entry of the array has bits
 *   0-7 the byte that leads here, 8 whether a match ends here, 9 whether the base is shifted by 8, 10-30 the base,
 * or, with bit 31, the place of a replacement. The node behind byte c of a node with base b is b ^ c.
 */
import type { Metadata } from "../read/model.ts";
import { encodeText } from "../read/lossless-utf8.ts";
import { badKey, boolOf, numbersOf } from "./metadata-values.ts";
import { ATTRIBUTE } from "./token-attributes.ts";
import { makeTrie } from "./trie.ts";
import type { Vocabulary } from "./vocabulary.ts";

const KEY = "tokenizer.ggml.precompiled_charsmap";

const SPACE = 0x20;
const ESCAPED_SPACE = encodeText("▁");
const REPLACEMENT = encodeText("\ufffd");

/** Bytes that stand for the first `length` bytes of a text. */
interface Prefix {
  readonly length: number;
  readonly bytes: Uint8Array;
}

/** A function from a text to the bytes that are encoded. */
export function makeNormalizer(vocabulary: Vocabulary, metadata: Metadata): (text: string) => Uint8Array {
  const { where, addsSpacePrefix } = vocabulary;
  const mergesSpaces = boolOf(metadata, "tokenizer.ggml.remove_extra_whitespaces", where) ?? false;
  const replace = readReplacements(metadata, where);
  const userDefined = userDefinedPrefixes(vocabulary);

  const prefixAt = (bytes: Uint8Array, start: number): Prefix => {
    const keptLength = userDefined(bytes, start);
    if (keptLength > 0) return { length: keptLength, bytes: bytes.subarray(start, start + keptLength) };
    const replaced = replace(bytes, start);
    if (replaced !== undefined) return replaced;
    const length = sequenceLength(bytes, start);
    if (length === 0) return { length: 1, bytes: REPLACEMENT };
    return { length, bytes: bytes.subarray(start, start + length) };
  };

  return (text) => {
    const bytes = encodeText(text);
    const out: number[] = [];
    let hasPrefix = false;
    let isInWord = false;
    for (let at = 0; at < bytes.length;) {
      const prefix = prefixAt(bytes, at);
      for (const byte of prefix.bytes) {
        if (byte === SPACE) {
          isInWord = false;
          if (!mergesSpaces) out.push(...ESCAPED_SPACE);
          continue;
        }
        if (!isInWord && ((addsSpacePrefix && !hasPrefix) || mergesSpaces)) {
          out.push(...ESCAPED_SPACE);
          hasPrefix = true;
        }
        isInWord = true;
        out.push(byte);
      }
      at += prefix.length;
    }
    return Uint8Array.from(out);
  };
}

/**
 * User-defined tokens are not replaced. What is spared is the longest beginning of any of them, whole or not: llama.cpp
 * asks no more of its tree.
 */
function userDefinedPrefixes({ texts, attributes }: Vocabulary): (bytes: Uint8Array, start: number) => number {
  const trie = makeTrie(64);
  for (let id = 0; id < texts.length; id++) {
    if (attributes[id]! & ATTRIBUTE.userDefined) trie.add(encodeText(texts[id]!), id);
  }
  return (bytes, start) => {
    let node = 0;
    let end = start;
    for (; end < bytes.length; end++) {
      node = trie.child(node, bytes[end]!);
      if (node < 0) break;
    }
    return end - start;
  };
}

function readReplacements(metadata: Metadata, where: string): (bytes: Uint8Array, start: number) => Prefix | undefined {
  const values = numbersOf(metadata, KEY, ["int8", "uint8"], 0, where);
  if (values === undefined) return () => undefined;
  const map = Uint8Array.from({ length: values.length }, (_, i) => values[i]!);
  const view = new DataView(map.buffer);
  const arrayBytes = map.length >= 4 ? view.getUint32(0, true) : 0;
  if (arrayBytes === 0 || arrayBytes % 4 !== 0 || 4 + arrayBytes >= map.length) {
    throw badKey(where, KEY, "an array and replacements", `${map.length} bytes, of which ${arrayBytes} are the array`);
  }
  const replacements = map.subarray(4 + arrayBytes);
  const nodeAt = (index: number): number => {
    if (index * 4 < arrayBytes) return view.getUint32(4 + index * 4, true);
    throw badKey(where, KEY, `places below ${arrayBytes / 4}`, String(index));
  };
  const baseOf = (node: number): number => (node >>> 10) << ((node & 0x200) >>> 6);
  const replacementAt = (place: number): Uint8Array => {
    const end = replacements.indexOf(0, place);
    if (end >= 0) return replacements.subarray(place, end);
    throw badKey(where, KEY, "replacements that end", `one at ${place} that does not`);
  };
  return (bytes, start) => {
    let found: Prefix | undefined;
    let index = baseOf(nodeAt(0));
    for (let at = start; at < bytes.length && bytes[at] !== 0; at++) {
      index = (index ^ bytes[at]!) >>> 0;
      const node = nodeAt(index);
      if ((node & 0x800000ff) >>> 0 !== bytes[at]) break;
      index = (index ^ baseOf(node)) >>> 0;
      if (node & 0x100) found = { length: at - start + 1, bytes: replacementAt(nodeAt(index) & 0x7fffffff) };
    }
    return found;
  };
}

/** Bytes of the UTF-8 sequence at a place, or 0 where none begins. By lead and number of followers, as llama.cpp. */
function sequenceLength(bytes: Uint8Array, start: number): number {
  const lead = bytes[start]!;
  const length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
  for (let i = start + 1; i < start + length; i++) if (i >= bytes.length || (bytes[i]! & 0xc0) !== 0x80) return 0;
  return length;
}
