/**
 * Text that keeps its bytes. Vocabularies hold pieces of characters, which are not valid UTF-8, and copying metadata
 * must give the bytes that were read. Valid UTF-8 decodes as usual; every other byte b becomes the lone surrogate
 * U+DC00 + b (Python calls it surrogateescape), which no valid UTF-8 decodes to, so encoding can turn it back.
 */

const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** With the flag `u` a class of surrogates matches lone ones only. */
const ESCAPED = /[\udc80-\udcff]/u;

/** What decoding puts in the place of bytes that are not UTF-8; also a character that a text may hold. */
const REPLACEMENT = "\ufffd";

/** Decodes `[start, end)` to a string that `encodeText` turns back into the same bytes. */
export function decodeText(bytes: Uint8Array, start = 0, end = bytes.length): string {
  const buffer = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // Vocabularies are half a million short strings: this takes half of TextDecoder's time for each.
  const text = buffer.toString("utf8", start, end);
  return text.includes(REPLACEMENT) ? decodeBroken(bytes.subarray(start, end)) : text;
}

function decodeBroken(bytes: Uint8Array): string {
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const length = sequenceLength(bytes, i);
    text += length === 0 ? String.fromCharCode(0xdc00 + bytes[i]!) : strict.decode(bytes.subarray(i, i + length));
    i += length || 1;
  }
  return text;
}

/** Length of the valid UTF-8 sequence at `start`, or 0. The decoder itself is asked, so that both agree. */
function sequenceLength(bytes: Uint8Array, start: number): number {
  const lead = bytes[start]!;
  const length = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (length <= 1) return length;
  if (start + length > bytes.length) return 0;
  try {
    strict.decode(bytes.subarray(start, start + length));
    return length;
  } catch {
    return 0;
  }
}

/** Encodes a string to UTF-8, escaped bytes as themselves. Other lone surrogates become U+FFFD, as everywhere. */
export function encodeText(text: string): Uint8Array {
  if (!ESCAPED.test(text)) return encoder.encode(text);
  const parts: number[] = [];
  for (const character of text) {
    const code = character.codePointAt(0)!;
    if (code >= 0xdc80 && code <= 0xdcff) parts.push(code - 0xdc00);
    else parts.push(...encoder.encode(character));
  }
  return Uint8Array.from(parts);
}

/** Writes what `encodeText` gives into `bytes` at `start`; it must have the room. Returns the number of bytes. */
export function writeText(bytes: Buffer, text: string, start: number): number {
  if (!ESCAPED.test(text)) return bytes.write(text, start);
  const encoded = encodeText(text);
  bytes.set(encoded, start);
  return encoded.length;
}

/** Bytes that `encodeText` gives. */
export function textByteLength(text: string): number {
  return ESCAPED.test(text) ? encodeText(text).length : Buffer.byteLength(text);
}
