/**
 * llama.cpp's file of base logits (`llama-perplexity --kl-divergence-base`): what an original says of every scored token
 * of a text, in 16 bits each, so that models can be compared with it without running it again.
 *
 *   "_logits_" | i32 context | i32 vocabulary | i32 windows | i32 tokens[windows * context]
 *   then for each window its scored positions in order: rows as numerics/logits.ts codes them, 16-bit words
 */
import { QuantizeError } from "../errors.ts";
import { codedRowLength } from "../forward/numerics/logits.ts";
import { scoredPositions } from "../forward/programs/score.ts";
import { readBytes } from "../read/byte-cursor.ts";
import { withCursor } from "../read/input-file.ts";
import type { Windows } from "./windows.ts";

const MAGIC = "_logits_";
const HEAD_BYTES = 8 + 3 * 4;

/** Greater counts are no real file's. */
const MOST_CONTEXT = 2 ** 24;
const MOST_VOCABULARY = 2 ** 24;
const MOST_TOKENS = 2 ** 31 / 4;

export interface LogitsFile {
  readonly path: string;
  readonly context: number;
  readonly vocabulary: number;
  readonly windows: number;
  /** Of the text, as they were before the first of each window was replaced. */
  readonly tokens: Int32Array;
  /** First byte of the rows. */
  readonly byteOffset: number;
}

/** Bytes of the file for so many windows. */
export function logitsFileBytes({ context, count }: Pick<Windows, "context" | "count">, vocabulary: number): number {
  const rows = count * scoredPositions(context).count;
  return HEAD_BYTES + count * context * 4 + rows * codedRowLength(vocabulary) * 2;
}

/** Everything before the rows. */
export function logitsFileHead({ context, count, targets }: Windows, vocabulary: number): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + targets.byteLength);
  bytes.set(new TextEncoder().encode(MAGIC));
  const view = new DataView(bytes.buffer);
  [context, vocabulary, count].forEach((value, index) => view.setInt32(8 + 4 * index, value, true));
  targets.forEach((token, index) => view.setInt32(HEAD_BYTES + 4 * index, token, true));
  return bytes;
}

/** Reads everything before the rows. @throws QuantizeError `bad-format` or `io` */
export function readLogitsFile(path: string): LogitsFile {
  return withCursor(path, (cursor) => {
    const fail = (what: string) => new QuantizeError("bad-format", `${path}: ${what}`);
    if (cursor.byteLength < HEAD_BYTES) throw fail(`expected a file of base logits, found ${cursor.byteLength} bytes`);
    const head = readBytes(cursor, HEAD_BYTES).slice();
    const magic = String.fromCharCode(...head.subarray(0, 8));
    if (magic !== MAGIC) throw fail(`expected a file of base logits, which begins with "${MAGIC}"`);
    const view = new DataView(head.buffer);
    const [context, vocabulary, windows] = [8, 12, 16].map((at) => view.getInt32(at, true)) as [number, number, number];
    const check = (name: string, value: number, most: number) => {
      if (value < 1 || value > most) throw fail(`${name}: expected 1 to ${most}, found ${value}`);
    };
    check("context", context, MOST_CONTEXT);
    check("vocabulary", vocabulary, MOST_VOCABULARY);
    check("windows", windows, Math.floor(MOST_TOKENS / context));
    const expected = logitsFileBytes({ context, count: windows }, vocabulary);
    if (cursor.byteLength !== expected) {
      throw fail(`expected ${expected} bytes for ${windows} windows of ${context} tokens, found ${cursor.byteLength}`);
    }
    const bytes = readBytes(cursor, windows * context * 4).slice();
    const tokens = new Int32Array(bytes.buffer);
    return { path, context, vocabulary, windows, tokens, byteOffset: HEAD_BYTES + bytes.length };
  });
}
