/** How vocabularies made of characters write what they have no character for: a token for each byte. */
import { QuantizeError } from "../errors.ts";
import { quote } from "../text/quote.ts";
import type { Vocabulary } from "./vocabulary.ts";

/** `<0x0A>` */
export function byteTokenText(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

/**
 * A function that appends the tokens of a text's bytes to a list.
 * @throws QuantizeError `bad-data` (the function) for a byte without a token
 */
export function makeByteFallback({ ids, where }: Vocabulary): (text: string, out: number[]) => void {
  const tokens = Array.from({ length: 256 }, (_, byte) => {
    const token = ids.get(byteTokenText(byte));
    return token ?? (byte < 0x80 ? ids.get(String.fromCharCode(byte)) : undefined);
  });
  return (text, out) => {
    for (const byte of Buffer.from(text)) {
      const id = tokens[byte];
      if (id === undefined) {
        const found = `${quote(text)} is no token, and neither is its byte ${byteTokenText(byte)}`;
        throw new QuantizeError("bad-data", `${where}: the vocabulary cannot write the text: ${found}`);
      }
      out.push(id);
    }
  };
}
