/**
 * The header of one GGUF file, version 2 or 3, checked down to the last byte.
 *
 * A parser of our own, although `@huggingface/gguf` has one: a converter has to give every value back with the type
 * it was read with, keep keys in their order, hold vocabularies of 150,000 strings without copying the header around,
 * and refuse what llama.cpp refuses (duplicate keys, gaps between tensors, data outside of the file).
 *
 *   u32 magic, u32 version, u64 tensor count, u64 key count
 *   per key: string key, u32 type, value          string: u64 bytes, UTF-8; array: u32 type, u64 count, values
 *   per tensor: string name, u32 dimensions, u64 each (innermost first), u32 type, u64 offset in the data section
 *   zeros up to a multiple of the alignment, then the tensors in that order, each padded to the alignment
 */
import { badFormat, bytesLeft, readU32, readU64, type Cursor } from "../byte-cursor.ts";
import {
  DEFAULT_ALIGNMENT,
  GGUF_MAGIC,
  MAX_TENSOR_NAME_BYTES,
  findStoredType,
  padTo,
  type StoredType,
} from "./gguf-types.ts";
import type { Metadata } from "../model.ts";
import { readMetadata, readString } from "./parse-metadata.ts";
import { quote } from "../../text/quote.ts";

/** Most keys: codebook files have two for each tensor beside the model's hundred. */
const MAX_KEYS = 1 << 20;
/** Most tensors: expert models that keep each expert apart have 60,000. */
const MAX_TENSORS = 1 << 20;
/** Least bytes of a key: length, one character, type, value of one byte. */
const MIN_KEY_BYTES = 8 + 1 + 4 + 1;
/** Least bytes of a tensor's entry: length, one character, one dimension, type, offset. */
const MIN_TENSOR_INFO_BYTES = 8 + 1 + 4 + 8 + 4 + 8;

/** "PK": where people name a PyTorch checkpoint. */
const ZIP_MAGIC = 0x4b50;

/** One entry of the tensor list. */
export interface GgufTensorInfo {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: StoredType;
  /** Bytes from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What the header of a GGUF file says. */
export interface GgufHeaderContent {
  readonly version: number;
  readonly metadata: Metadata;
  readonly tensors: readonly GgufTensorInfo[];
  readonly alignment: number;
  /** First byte of the data section. */
  readonly dataOffset: number;
}

/** @throws QuantizeError `bad-format`, naming file, key or tensor, byte offset, expected and found */
export function parseGguf(cursor: Cursor): GgufHeaderContent {
  const version = readMagicAndVersion(cursor);
  const tensorCount = readCount(cursor, "tensors", MIN_TENSOR_INFO_BYTES, MAX_TENSORS);
  const keyCount = readCount(cursor, "keys", MIN_KEY_BYTES, MAX_KEYS);
  const metadata = readMetadata(cursor, keyCount);
  const alignment = alignmentOf(cursor, metadata);
  const entries = readTensorInfos(cursor, tensorCount);
  const dataOffset = padTo(cursor.position, alignment);
  return { version, metadata, tensors: placeTensors(cursor, entries, alignment, dataOffset), alignment, dataOffset };
}

function readMagicAndVersion(cursor: Cursor): number {
  cursor.subject = "magic";
  if (cursor.byteLength === 0) throw badFormat(cursor, `"GGUF"`, "an empty file");
  const magic = readU32(cursor);
  if (magic !== GGUF_MAGIC) {
    const bytes = [0, 8, 16, 24].map((shift) => ((magic >>> shift) & 255).toString(16).padStart(2, "0")).join(" ");
    const isArchive = (magic & 0xffff) === ZIP_MAGIC;
    const found = isArchive ? `${bytes} (an archive, as PyTorch saves them: convert it to safetensors)` : bytes;
    throw badFormat(cursor, `"GGUF" (47 47 55 46)`, found, 0);
  }
  cursor.subject = "version";
  const version = readU32(cursor);
  if (version === 2 || version === 3) return version;
  const isSwapped = version !== 0 && (version & 0xffff) === 0;
  const found = isSwapped ? `${version >>> 24} in the other byte order (a big-endian file)` : String(version);
  throw badFormat(cursor, "2 or 3", found, 4);
}

/** Reads a u64 count of things that take at least `minBytes` each. */
function readCount(cursor: Cursor, things: string, minBytes: number, limit: number): number {
  cursor.subject = `number of ${things}`;
  const start = cursor.position;
  const count = readU64(cursor);
  const most = Math.min(limit, Math.floor(bytesLeft(cursor) / minBytes));
  if (count > BigInt(most)) {
    throw badFormat(cursor, `at most ${most} in a file of ${cursor.byteLength} bytes`, String(count), start);
  }
  return Number(count);
}

function alignmentOf(cursor: Cursor, metadata: Metadata): number {
  const value = metadata.get("general.alignment");
  if (value === undefined) return DEFAULT_ALIGNMENT;
  cursor.subject = `key "general.alignment"`;
  if (value.type !== "uint32") throw badFormat(cursor, "type uint32", `type ${value.type}`);
  const alignment = value.value as number;
  if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
    throw badFormat(cursor, "a power of two", String(alignment));
  }
  return alignment;
}

interface TensorEntry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: StoredType;
  readonly offset: bigint;
  /** Where the entry's offset field lies. */
  readonly offsetAt: number;
  readonly byteLength: number;
}

function readTensorInfos(cursor: Cursor, tensorCount: number): TensorEntry[] {
  const entries: TensorEntry[] = [];
  const names = new Set<string>();
  for (let index = 0; index < tensorCount; index++) {
    cursor.subject = `tensor ${index + 1} of ${tensorCount}`;
    const start = cursor.position;
    const name = readString(cursor, MAX_TENSOR_NAME_BYTES - 1);
    if (name === "") throw badFormat(cursor, "a name", "an empty name", start);
    cursor.subject = `tensor ${quote(name)}`;
    if (names.has(name)) throw badFormat(cursor, "each tensor once", "it again", start);
    names.add(name);
    entries.push(readTensorInfo(cursor, name));
  }
  return entries;
}

function readTensorInfo(cursor: Cursor, name: string): TensorEntry {
  const shape = readShape(cursor);
  const typeAt = cursor.position;
  const id = readU32(cursor);
  const type = findStoredType(id);
  if (type === undefined) throw badFormat(cursor, "a known ggml type", `type ${id}`, typeAt);
  const rowLength = shape[0]!;
  if (rowLength % type.blockSize !== 0) {
    throw badFormat(cursor, `rows of a multiple of ${type.blockSize} (${type.codec})`, `rows of ${rowLength}`, typeAt);
  }
  const rowsPerGroup = type.layout === "rows" ? 1 : Number.parseInt(type.layout);
  if ((shape[1] ?? 1) % rowsPerGroup !== 0) {
    const expected = `rows in groups of ${rowsPerGroup} (${type.codec} ${type.layout})`;
    throw badFormat(cursor, expected, `${shape[1] ?? 1} rows`, typeAt);
  }
  const rowBytes = (rowLength / type.blockSize) * type.blockBytes;
  const byteLength = shape.slice(1).reduce((product, n) => product * n, rowBytes);
  if (byteLength > Number.MAX_SAFE_INTEGER) {
    throw badFormat(cursor, "a size below 2^53 bytes", `${type.codec} of shape ${shape.join(" x ")}`, typeAt);
  }
  const offsetAt = cursor.position;
  return { name, shape, type, offset: readU64(cursor), offsetAt, byteLength };
}

function readShape(cursor: Cursor): number[] {
  const start = cursor.position;
  const dimensions = readU32(cursor);
  if (dimensions < 1 || dimensions > 4) throw badFormat(cursor, "1 to 4 dimensions", String(dimensions), start);
  const shape: number[] = [];
  let product = 1;
  for (let axis = 0; axis < dimensions; axis++) {
    const length = readU64(cursor);
    const at = cursor.position - 8;
    if (length < 1n) throw badFormat(cursor, `dimension ${axis} of at least 1`, String(length), at);
    // Not exact beyond 2^53, but monotonic: a product that is too large stays too large.
    product *= Number(length);
    if (product > Number.MAX_SAFE_INTEGER) {
      throw badFormat(cursor, "fewer than 2^53 weights", `dimension ${axis} of ${length}`, at);
    }
    shape.push(Number(length));
  }
  return shape;
}

/** Tensors lie one after the other in the order of the list, each at the next multiple of the alignment. */
function placeTensors(
  cursor: Cursor,
  entries: readonly TensorEntry[],
  alignment: number,
  dataOffset: number,
): GgufTensorInfo[] {
  let next = 0;
  let end = 0;
  const tensors = entries.map(({ name, shape, type, offset, offsetAt, byteLength }) => {
    cursor.subject = `tensor ${quote(name)}`;
    if (offset !== BigInt(next)) {
      const hint = offset % BigInt(alignment) === 0n ? "" : ` (not a multiple of the alignment, ${alignment})`;
      throw badFormat(cursor, `data offset ${next}, right after the tensor before`, `${offset}${hint}`, offsetAt);
    }
    const byteOffset = dataOffset + next;
    end = byteOffset + byteLength;
    if (end > cursor.byteLength) {
      const found = `a file of ${cursor.byteLength} (truncated?)`;
      throw badFormat(cursor, `${byteLength} bytes of data up to byte ${end}`, found, byteOffset);
    }
    next = padTo(next + byteLength, alignment);
    return { name, shape, type, byteOffset, byteLength };
  });
  cursor.subject = "end of the data";
  const most = tensors.length === 0 ? dataOffset : dataOffset + next;
  if (cursor.byteLength > most) {
    throw badFormat(cursor, `the file to end by byte ${most}`, `${cursor.byteLength} bytes`, most);
  }
  return tensors;
}
