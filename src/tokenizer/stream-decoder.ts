/** Tokens to text, one at a time: bytes of an unfinished character are held back. */
import type { StreamDecoder } from "./tokenizer.types.ts";

/** @param pieceOf the bytes of a token; it throws for ids out of range */
export function makeStreamDecoder(pieceOf: (id: number) => Uint8Array, dropsFirstSpace: boolean): StreamDecoder {
  // A byte order mark is text like any other.
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let isFirst = dropsFirstSpace;
  return {
    push(id) {
      const piece = pieceOf(id);
      if (piece.length === 0) return "";
      const hasSpace = isFirst && piece[0] === 0x20;
      isFirst = false;
      return decoder.decode(hasSpace ? piece.subarray(1) : piece, { stream: true });
    },
    end: () => decoder.decode(),
  };
}
