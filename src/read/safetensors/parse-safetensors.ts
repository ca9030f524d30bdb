/**
 * The header of one safetensors file, checked as its specification asks:
 *
 *   u64 N (at most 100,000,000), N bytes of JSON, then the tensors' bytes
 *
 * The JSON starts with `{`, may end in spaces, has no key twice; a tensor is `{dtype, shape, data_offsets: [begin,
 * end]}`, row-major, its offsets counted from the end of the header. Tensors cover the rest of the file exactly:
 * no gap, no overlap, nothing behind them.
 */
import { QuantizeError } from "../../errors.ts";
import { badFormat, bytesLeft, readBytes, readU64, type Cursor } from "../byte-cursor.ts";
import { isJsonObject, parseJsonObject } from "../json-text.ts";
import { quote } from "../../text/quote.ts";

/** Longest header, by the specification. */
const MAX_HEADER_BYTES = 100_000_000;

/** Bits of one value, for every dtype of the specification. */
const DTYPE_BITS: Readonly<Record<string, number>> = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
};

/** One tensor of a safetensors file. */
export interface SafetensorsEntry {
  readonly name: string;
  readonly dtype: string;
  /** Outermost first, as in the file; empty for a scalar; a dimension may be 0. */
  readonly shape: readonly number[];
  /** Bytes from the start of the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What the header of a safetensors file says. */
export interface SafetensorsHeader {
  /** In the order of their bytes. */
  readonly tensors: readonly SafetensorsEntry[];
  /** The free text under `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

/** @throws QuantizeError `bad-format`, naming file, tensor, expected and found; `unsupported` for unknown dtypes */
export function parseSafetensors(cursor: Cursor): SafetensorsHeader {
  cursor.subject = "header length";
  if (cursor.byteLength === 0) throw badFormat(cursor, "a header length", "an empty file");
  const headerLength = readU64(cursor);
  if (bytesLeft(cursor) < 2) throw badFormat(cursor, "at least 2 bytes of header", `${bytesLeft(cursor)}`);
  const most = Math.min(MAX_HEADER_BYTES, bytesLeft(cursor));
  if (headerLength < 2n || headerLength > BigInt(most)) {
    throw badFormat(cursor, `2 to ${most} bytes of header`, String(headerLength), 0);
  }
  cursor.subject = "header";
  const bytes = readBytes(cursor, Number(headerLength));
  if (bytes[0] !== 0x7b) throw badFormat(cursor, `"{"`, `byte ${bytes[0]}`, 8);
  const header = parseJsonObject(bytes, `${cursor.path}: header`);
  const dataOffset = 8 + Number(headerLength);
  const entries = Object.entries(header)
    .filter(([name]) => name !== "__metadata__")
    .map(([name, value]) => parseEntry(cursor, name, value, dataOffset));
  entries.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  checkCover(cursor, entries, dataOffset);
  return { tensors: entries, metadata: parseFreeText(cursor, header["__metadata__"]) };
}

function parseEntry(cursor: Cursor, name: string, value: unknown, dataOffset: number): SafetensorsEntry {
  cursor.subject = `tensor ${quote(name)}`;
  if (name === "") throw badFormat(cursor, "a name", "an empty name", 8);
  if (!isJsonObject(value)) throw badFormat(cursor, "an object", JSON.stringify(value) ?? "nothing", 8);
  const { dtype, shape, data_offsets: offsets, ...rest } = value;
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw badFormat(cursor, "dtype, shape and data_offsets", `the key ${quote(unknown)}`, 8);
  const bits = typeof dtype === "string" && Object.hasOwn(DTYPE_BITS, dtype) ? DTYPE_BITS[dtype] : undefined;
  if (bits === undefined || typeof dtype !== "string") {
    const known = Object.keys(DTYPE_BITS).join(", ");
    throw new QuantizeError(
      typeof dtype === "string" ? "unsupported" : "bad-format",
      `${cursor.path}: ${cursor.subject}: expected a dtype of ${known}, found ${quote(String(dtype))}`,
    );
  }
  if (!isCounts(shape)) throw badFormat(cursor, "a shape of whole numbers", `${JSON.stringify(shape)}`, 8);
  if (!isCounts(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw badFormat(cursor, "data_offsets [begin, end]", `${JSON.stringify(offsets)}`, 8);
  }
  const [begin, end] = offsets as [number, number];
  checkSize(cursor, shape, bits, end - begin, dtype);
  return { name, dtype, shape, byteOffset: dataOffset + begin, byteLength: end - begin };
}

function checkSize(cursor: Cursor, shape: readonly number[], bits: number, found: number, dtype: string): void {
  // Exact below 2^53, and a product beyond stays beyond, unless a later dimension is 0.
  const isEmpty = shape.includes(0);
  const expected = isEmpty ? 0 : (shape.reduce((product, n) => product * n, 1) * bits) / 8;
  if (expected !== found) {
    throw badFormat(cursor, `${expected} bytes for ${dtype} of [${shape.join(", ")}]`, `${found} bytes`, 8);
  }
}

function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0 && !Object.is(n, -0));
}

function checkCover(cursor: Cursor, entries: readonly SafetensorsEntry[], dataOffset: number): void {
  let next = dataOffset;
  for (const { name, byteOffset, byteLength } of entries) {
    cursor.subject = `tensor ${quote(name)}`;
    if (byteOffset !== next) {
      const found = byteOffset < next ? "an overlap" : "a gap";
      throw badFormat(cursor, `data from byte ${next} on`, `byte ${byteOffset} (${found})`, byteOffset);
    }
    next = byteOffset + byteLength;
    if (next > cursor.byteLength) {
      throw badFormat(cursor, `data up to byte ${next}`, `a file of ${cursor.byteLength} (truncated?)`, byteOffset);
    }
  }
  cursor.subject = "end of the data";
  if (next !== cursor.byteLength) throw badFormat(cursor, `the file to end here`, `${cursor.byteLength} bytes`, next);
}

function parseFreeText(cursor: Cursor, value: unknown): Map<string, string> {
  if (value === undefined) return new Map();
  cursor.subject = "__metadata__";
  if (!isJsonObject(value)) throw badFormat(cursor, "an object", JSON.stringify(value), 8);
  return new Map(
    Object.entries(value).map(([key, text]): [string, string] => {
      if (typeof text !== "string") throw badFormat(cursor, "text", `${quote(key)}: ${JSON.stringify(text)}`, 8);
      return [key, text];
    }),
  );
}
