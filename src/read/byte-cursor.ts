/**
 * A little-endian cursor over a file: buffered positional reads, every length checked against the file before a byte
 * is allocated. Errors name the file, what was being read and the byte offset.
 */
import { readSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import { decodeText } from "./lossless-utf8.ts";
import { requirePresent } from "./partial-files.ts";

/** Bytes asked from the system at once: a header of some megabytes takes a few dozen calls. */
const BUFFER_BYTES = 1 << 18;

/** A position in a file being parsed. */
export interface Cursor {
  readonly path: string;
  readonly fd: number;
  readonly byteLength: number;
  /** Offset of the next byte. */
  position: number;
  /** What is being read, for error messages: `key "general.name"`, `tensor 17`. */
  subject: string;
  readonly buffer: Buffer;
  readonly view: DataView;
  bufferStart: number;
  bufferEnd: number;
}

/** A cursor at the start of an open file of `byteLength` bytes. */
export function cursorOver(path: string, fd: number, byteLength: number): Cursor {
  const buffer = Buffer.alloc(Math.min(BUFFER_BYTES, Math.max(byteLength, 16)));
  const view = new DataView(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  return { path, fd, byteLength, position: 0, subject: "header", buffer, view, bufferStart: 0, bufferEnd: 0 };
}

/** The error for a file that breaks its format: where, what was expected, what was found. */
export function badFormat(
  cursor: Cursor,
  expected: string,
  found: string,
  byteOffset = cursor.position,
): QuantizeError {
  const where = `${cursor.path}: ${cursor.subject}, byte ${byteOffset}`;
  return new QuantizeError("bad-format", `${where}: expected ${expected}, found ${found}`);
}

/** Bytes between the cursor and the end of the file. */
export function bytesLeft(cursor: Cursor): number {
  return cursor.byteLength - cursor.position;
}

/** Moves past `byteCount` bytes and returns their offset in the buffer; at most the buffer's size. */
function take(cursor: Cursor, byteCount: number): number {
  requireBytes(cursor, byteCount);
  if (cursor.position < cursor.bufferStart || cursor.position + byteCount > cursor.bufferEnd) {
    const length = Math.min(cursor.buffer.length, bytesLeft(cursor));
    readFully(cursor, cursor.buffer.subarray(0, length), cursor.position);
    cursor.bufferStart = cursor.position;
    cursor.bufferEnd = cursor.position + length;
  }
  const offset = cursor.position - cursor.bufferStart;
  cursor.position += byteCount;
  return offset;
}

function requireBytes(cursor: Cursor, byteCount: number): void {
  if (byteCount <= bytesLeft(cursor)) return;
  throw badFormat(cursor, `${byteCount} more bytes`, `the file's end after ${bytesLeft(cursor)} (truncated?)`);
}

function readFully(cursor: Cursor, target: Uint8Array, position: number): void {
  requirePresent(cursor.path, position, target.length);
  let done = 0;
  while (done < target.length) {
    const count = readSync(cursor.fd, target, done, target.length - done, position + done);
    if (count === 0) throw badFormat(cursor, `${target.length - done} more bytes`, "a file that became shorter");
    done += count;
  }
}

export function readU8(cursor: Cursor): number {
  return cursor.buffer[take(cursor, 1)]!;
}

export function readI8(cursor: Cursor): number {
  return cursor.view.getInt8(take(cursor, 1));
}

export function readU16(cursor: Cursor): number {
  return cursor.view.getUint16(take(cursor, 2), true);
}

export function readI16(cursor: Cursor): number {
  return cursor.view.getInt16(take(cursor, 2), true);
}

export function readU32(cursor: Cursor): number {
  return cursor.view.getUint32(take(cursor, 4), true);
}

export function readI32(cursor: Cursor): number {
  return cursor.view.getInt32(take(cursor, 4), true);
}

export function readF32(cursor: Cursor): number {
  return cursor.view.getFloat32(take(cursor, 4), true);
}

export function readF64(cursor: Cursor): number {
  return cursor.view.getFloat64(take(cursor, 8), true);
}

export function readU64(cursor: Cursor): bigint {
  return cursor.view.getBigUint64(take(cursor, 8), true);
}

/** A u64 that tells a length or a count: exact up to 2^53, and beyond that larger than any bound. */
export function readLength(cursor: Cursor): number {
  const offset = take(cursor, 8);
  return cursor.view.getUint32(offset, true) + cursor.view.getUint32(offset + 4, true) * 2 ** 32;
}

export function readI64(cursor: Cursor): bigint {
  return cursor.view.getBigInt64(take(cursor, 8), true);
}

/** Reads a string's bytes as text that keeps them. Bounds as in `readBytes`. */
export function readText(cursor: Cursor, byteCount: number): string {
  if (byteCount > cursor.buffer.length) return decodeText(readBytes(cursor, byteCount));
  const start = take(cursor, byteCount);
  return decodeText(cursor.buffer, start, start + byteCount);
}

/**
 * Reads `byteCount` bytes. A view of the cursor's buffer where they fit: valid until the next read.
 * The caller has bounded `byteCount`; here it is held against the end of the file before memory is taken.
 */
export function readBytes(cursor: Cursor, byteCount: number): Uint8Array {
  if (byteCount <= cursor.buffer.length) {
    const offset = take(cursor, byteCount);
    // Not a part of the Buffer itself: the `slice` of a Buffer would not copy.
    return new Uint8Array(cursor.buffer.buffer, cursor.buffer.byteOffset + offset, byteCount);
  }
  requireBytes(cursor, byteCount);
  const bytes = new Uint8Array(byteCount);
  readFully(cursor, bytes, cursor.position);
  cursor.position += byteCount;
  return bytes;
}
