/**
 * Strings and key-value pairs of a GGUF header: every value keeps its type, big arrays stay in typed arrays.
 *
 *   string: u64 bytes, UTF-8; array: u32 type, u64 count, values
 */
import {
  badFormat,
  bytesLeft,
  readBytes,
  readF32,
  readF64,
  readI16,
  readI32,
  readI64,
  readI8,
  readText,
  readU16,
  readU32,
  readU64,
  readU8,
  type Cursor,
} from "../byte-cursor.ts";
import { ARRAY_TYPE, MAX_KEY_BYTES, METADATA_TYPES, METADATA_TYPE_BYTES } from "./gguf-types.ts";
import type { Metadata, MetadataScalar, MetadataType, MetadataValue } from "../model.ts";
import { quote } from "../../text/quote.ts";
import { readStrings } from "./stored-strings.ts";

/** Longest string: the largest in real files are whole tokenizers as JSON, 30 MB. */
const MAX_STRING_BYTES = 1 << 28;
/** Longest array: the largest in real files are merges, half a million. */
const MAX_ARRAY_LENGTH = 1 << 26;
/** Most strings (or bools) in an array: each becomes a value in memory. Vocabularies have up to 300,000. */
const MAX_BOXED_ARRAY_LENGTH = 1 << 23;
/** Most bytes of all metadata: learned tables of a model with 50,000 experts are 250 MB. */
const MAX_METADATA_BYTES = 1 << 30;

/** Reads a string of at most `maxBytes`. */
export function readString(cursor: Cursor, maxBytes: number): string {
  const start = cursor.position;
  const length = readU64(cursor);
  const most = Math.min(maxBytes, bytesLeft(cursor));
  if (length > BigInt(most)) throw badFormat(cursor, `a string of at most ${most} bytes`, `length ${length}`, start);
  return readText(cursor, Number(length));
}

/** Reads all key-value pairs. */
export function readMetadata(cursor: Cursor, keyCount: number): Metadata {
  const metadata: Metadata = new Map();
  for (let index = 0; index < keyCount; index++) {
    cursor.subject = `key ${index + 1} of ${keyCount}`;
    const start = cursor.position;
    const key = readString(cursor, MAX_KEY_BYTES);
    if (key === "") throw badFormat(cursor, "a name", "an empty key", start);
    cursor.subject = `key ${quote(key)}`;
    if (metadata.has(key)) throw badFormat(cursor, "each key once", "it again", start);
    metadata.set(key, readValue(cursor));
    if (cursor.position > MAX_METADATA_BYTES) {
      throw badFormat(cursor, `at most ${MAX_METADATA_BYTES} bytes of metadata`, "more");
    }
  }
  return metadata;
}

function readType(cursor: Cursor): MetadataType | "array" {
  const start = cursor.position;
  const id = readU32(cursor);
  const type = METADATA_TYPES[id];
  if (type === undefined)
    throw badFormat(cursor, `a value type from 0 to ${METADATA_TYPES.length - 1}`, `${id}`, start);
  return type;
}

function readValue(cursor: Cursor): MetadataValue {
  const type = readType(cursor);
  if (type !== "array") return { type, value: readScalar(cursor, type) };
  const elementStart = cursor.position;
  const elementType = readType(cursor);
  if (elementType === "array") {
    // The specification allows them; ggml, and with it every program that would load our output, does not.
    throw badFormat(cursor, "an array of scalars or strings", `an array of arrays (type ${ARRAY_TYPE})`, elementStart);
  }
  const countStart = cursor.position;
  const count = readU64(cursor);
  const isBoxed = elementType === "string" || elementType === "bool";
  const limit = isBoxed ? MAX_BOXED_ARRAY_LENGTH : MAX_ARRAY_LENGTH;
  const most = Math.min(limit, Math.floor(bytesLeft(cursor) / METADATA_TYPE_BYTES[elementType]));
  if (count > BigInt(most)) throw badFormat(cursor, `an array of at most ${most}`, `length ${count}`, countStart);
  if (elementType === "string") return readStrings(cursor, Number(count), MAX_STRING_BYTES);
  return { type: "array", elementType, values: readNumbers(cursor, elementType, Number(count)) };
}

function readScalar(cursor: Cursor, type: MetadataType): MetadataScalar {
  switch (type) {
    case "uint8":
      return readU8(cursor);
    case "int8":
      return readI8(cursor);
    case "uint16":
      return readU16(cursor);
    case "int16":
      return readI16(cursor);
    case "uint32":
      return readU32(cursor);
    case "int32":
      return readI32(cursor);
    case "float32":
      return readF32(cursor);
    case "bool": {
      const byte = readU8(cursor);
      if (byte > 1) throw badFormat(cursor, "a bool, 0 or 1", String(byte), cursor.position - 1);
      return byte === 1;
    }
    case "string":
      return readString(cursor, MAX_STRING_BYTES);
    case "uint64":
      return readU64(cursor);
    case "int64":
      return readI64(cursor);
    case "float64":
      return readF64(cursor);
  }
}

/** Numbers stay in typed arrays, as many bytes in memory as in the file. */
function readNumbers(cursor: Cursor, type: Exclude<MetadataType, "string">, count: number): ArrayLike<MetadataScalar> {
  if (type === "bool") return Array.from({ length: count }, () => readScalar(cursor, "bool"));
  // A copy of its own: typed arrays want aligned memory, and the cursor's buffer is used again.
  const bytes = readBytes(cursor, count * METADATA_TYPE_BYTES[type]).slice().buffer;
  switch (type) {
    case "uint8":
      return new Uint8Array(bytes);
    case "int8":
      return new Int8Array(bytes);
    case "uint16":
      return new Uint16Array(bytes);
    case "int16":
      return new Int16Array(bytes);
    case "uint32":
      return new Uint32Array(bytes);
    case "int32":
      return new Int32Array(bytes);
    case "float32":
      return new Float32Array(bytes);
    case "uint64":
      return new BigUint64Array(bytes);
    case "int64":
      return new BigInt64Array(bytes);
    case "float64":
      return new Float64Array(bytes);
  }
}
