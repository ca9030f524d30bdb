/** What a token is in a decoded text, as bytes: characters may be spread over tokens. (`llama_token_to_piece`.) */
import { encodeText } from "../read/lossless-utf8.ts";
import { byteOfCharacter } from "./byte-characters.ts";
import { ATTRIBUTE, HIDDEN, SPECIAL } from "./token-attributes.ts";
import type { Vocabulary } from "./vocabulary.ts";

const NOTHING = new Uint8Array(0);

/**
 * A function from ids, which must be in range, to bytes, which must not be changed. Control and unknown tokens are
 * nothing unless `showsHidden`.
 */
export function makePieces(vocabulary: Vocabulary): (id: number, showsHidden: boolean) => Uint8Array {
  const pieces: Uint8Array[] = [];
  return (id, showsHidden) => {
    if (!showsHidden && vocabulary.attributes[id]! & HIDDEN) return NOTHING;
    return (pieces[id] ??= pieceOf(vocabulary, id));
  };
}

function pieceOf({ kind, texts, attributes, preTokenizer }: Vocabulary, id: number): Uint8Array {
  const text = texts[id]!;
  const attribute = attributes[id]!;
  if (attribute & SPECIAL) return encodeText(text);
  if (attribute & ATTRIBUTE.normal) {
    const isByteLevel = (kind === "gpt2" || kind === "gemma4") && preTokenizer.escapesSpaces !== true;
    return isByteLevel ? bytesOf(text) : encodeText(text.replaceAll("▁", " "));
  }
  // "<0x0A>"
  if (attribute & ATTRIBUTE.byte) return Uint8Array.of(parseInt(text.slice(3, 5), 16) || 0);
  return NOTHING;
}

/** Bytes that a byte-level token's characters stand for. */
function bytesOf(text: string): Uint8Array {
  const bytes: number[] = [];
  for (const character of text) {
    const byte = byteOfCharacter(character);
    if (byte !== undefined) bytes.push(byte);
    // llama.cpp's way to show that a token is not what its vocabulary is said to be.
    else {
      const hex = Array.from(encodeText(character), (value) => value.toString(16).padStart(2, "0")).join("");
      bytes.push(...encodeText(`[UNK_BYTE_0x${hex}${text}]`));
    }
  }
  return Uint8Array.from(bytes);
}
