/** A text file on its way to tokens. */
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { QuantizeError } from "../errors.ts";
import { withCursor } from "../read/input-file.ts";
import { readBytes } from "../read/byte-cursor.ts";

/** More text than any evaluation reads (wiki.test.raw has 1.3 MB), and as much as is tokenized in seconds. */
const MOST_BYTES = 2 ** 26;

export interface TextFile {
  readonly path: string;
  /** The file's name without folders. */
  readonly name: string;
  /** Of the file's bytes, in hexadecimal. */
  readonly sha256: string;
  /** Without the line break at its end, as llama.cpp's programs read a text. Bytes that are no UTF-8 are U+FFFD. */
  readonly text: string;
}

/** @throws QuantizeError `io`, `usage` for a file that is empty or larger than 64 MiB */
export function readTextFile(path: string): TextFile {
  const bytes = withCursor(path, (cursor) => {
    const { byteLength } = cursor;
    if (byteLength > MOST_BYTES) {
      throw new QuantizeError("usage", `${path}: expected a text of at most ${MOST_BYTES} bytes, found ${byteLength}`);
    }
    return readBytes(cursor, byteLength).slice();
  });
  const decoded = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const text = decoded.endsWith("\n") ? decoded.slice(0, -1) : decoded;
  if (text.length === 0) throw new QuantizeError("usage", `${path}: expected a text, found an empty file`);
  return { path, name: basename(path), sha256: createHash("sha256").update(bytes).digest("hex"), text };
}
