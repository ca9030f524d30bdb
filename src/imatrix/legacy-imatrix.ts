/**
 * The older importance file (`.dat`), little-endian and without a magic number:
 *
 *   i32 entries
 *   per entry: i32 name length, name, i32 calls, i32 values, f32 values (sums of squares)
 *   optional:  i32 chunks of text, i32 name length, name of the text
 */
import { badFormat, bytesLeft, readBytes, readI32, type Cursor } from "../read/byte-cursor.ts";
import { decodeText } from "../read/lossless-utf8.ts";
import { quote } from "../text/quote.ts";
import type { ImatrixContent, ImatrixEntry } from "./imatrix.types.ts";

/** Longest name: GGUF allows 63 bytes of a tensor's name, names of texts are paths. */
const MAX_NAME_BYTES = 4096;
/** Least bytes of an entry: three lengths, one letter, one value. */
const MIN_ENTRY_BYTES = 4 + 1 + 4 + 4 + 4;

/** A count in [least, most], where `most` follows from the bytes that are left. */
function readCount(cursor: Cursor, what: string, least: number, most: number): number {
  const count = readI32(cursor);
  if (count >= least && count <= most) return count;
  throw badFormat(cursor, `${what} from ${least} to ${most}`, String(count), cursor.position - 4);
}

function readName(cursor: Cursor, least: number): string {
  const length = readCount(cursor, "a name's length", least, Math.min(MAX_NAME_BYTES, bytesLeft(cursor)));
  return decodeText(readBytes(cursor, length));
}

function readEntry(cursor: Cursor): ImatrixEntry {
  const name = readName(cursor, 1);
  cursor.subject = `entry ${quote(name)}`;
  const calls = readI32(cursor);
  const count = readCount(cursor, "a number of values", 1, Math.floor(bytesLeft(cursor) / 4));
  const bytes = readBytes(cursor, count * 4);
  const sums = new Float32Array(bytes.slice().buffer);
  // A file without calls holds means already.
  return { name, sums, counts: [calls > 0 ? calls : 1] };
}

/** @throws QuantizeError `bad-format`, naming the entry, the byte offset, what was expected and what was found */
export function readLegacyImatrix(cursor: Cursor): ImatrixContent {
  cursor.subject = "importance file (neither GGUF nor a valid .dat)";
  const count = readCount(cursor, "a number of entries", 1, Math.floor(bytesLeft(cursor) / MIN_ENTRY_BYTES));
  const entries: ImatrixEntry[] = [];
  for (let i = 0; i < count; i++) {
    cursor.subject = `entry ${i + 1} of ${count}`;
    entries.push(readEntry(cursor));
  }
  cursor.subject = "end of the importance file";
  if (bytesLeft(cursor) === 0) return { format: "legacy", entries, datasets: [] };
  const chunkCount = Math.max(0, readI32(cursor));
  const dataset = bytesLeft(cursor) === 0 ? "" : readName(cursor, 0);
  if (bytesLeft(cursor) > 0) throw badFormat(cursor, "the file's end", `${bytesLeft(cursor)} more bytes`);
  return { format: "legacy", entries, datasets: dataset === "" ? [] : [dataset], chunkCount };
}
