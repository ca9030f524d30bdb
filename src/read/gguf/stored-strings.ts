/**
 * Arrays of strings as a GGUF file holds them: u64 length and UTF-8 text, one after the other. Vocabularies and merges
 * are hundreds of thousands of them, of which most commands use none: they are measured when they are read, copied as
 * bytes when they are written, and decoded only for those who look.
 */
import { badFormat, bytesLeft, readBytes, readLength, type Cursor } from "../byte-cursor.ts";
import { decodeText } from "../lossless-utf8.ts";
import type { MetadataValue } from "../model.ts";

/** Reads `count` strings of at most `maxBytes` each. */
export function readStrings(cursor: Cursor, count: number, maxBytes: number): MetadataValue {
  const start = cursor.position;
  for (let i = 0; i < count; i++) {
    const at = cursor.position;
    const length = readLength(cursor);
    const most = Math.min(maxBytes, bytesLeft(cursor));
    if (length > most) throw badFormat(cursor, `a string of at most ${most} bytes`, `length ${length}`, at);
    cursor.position += length;
  }
  const byteLength = cursor.position - start;
  cursor.position = start;
  // A copy of its own: what fits into the cursor's buffer would be overwritten by the next read.
  const bytes = readBytes(cursor, byteLength).slice();
  let decoded: string[] | undefined;
  return {
    type: "array",
    elementType: "string",
    stored: { count, bytes },
    get values() {
      return (decoded ??= decodeStrings(bytes, count));
    },
  };
}

function decodeStrings(stored: Uint8Array, count: number): string[] {
  const bytes = Buffer.from(stored.buffer);
  const strings: string[] = [];
  for (let i = 0, at = 0; i < count; i++) {
    const start = at + 8;
    at = start + Number(bytes.readBigUInt64LE(at));
    strings.push(decodeText(bytes, start, at));
  }
  return strings;
}
