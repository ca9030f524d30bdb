/**
 * The numbers of the GGUF format: value types of metadata, and what a tensor may be stored as.
 *
 * `@huggingface/gguf` has these enums too, but importing it loads its whole catalogue of tasks (a third of a second
 * at every start), so the few facts are stated here and in the codecs, and a test compares them with that package.
 */
import type { BlockFormat } from "../../../codecs/codec.ts";
import { allFormats, findFormat } from "../../../codecs/registry.ts";
import { COMPAT_TYPES } from "../../../layouts/compat.ts";
import type { MetadataType } from "../model.ts";

/** "GGUF", as the first four bytes read little-endian. */
export const GGUF_MAGIC = 0x46554747;

/** Data alignment where `general.alignment` says nothing. */
export const DEFAULT_ALIGNMENT = 32;

/** Names of tensors are shorter than this in bytes: ggml keeps them in a field of 64 with a final zero. */
export const MAX_TENSOR_NAME_BYTES = 64;

/** Longest key, by the specification. */
export const MAX_KEY_BYTES = 65535;

/** Number of the value type that says "array". */
export const ARRAY_TYPE = 9;

/** Value types by their number in the file; 9 is the array. */
export const METADATA_TYPES: readonly (MetadataType | "array")[] = [
  "uint8",
  "int8",
  "uint16",
  "int16",
  "uint32",
  "int32",
  "float32",
  "bool",
  "string",
  "array",
  "uint64",
  "int64",
  "float64",
];

/** Bytes of one value; for a string the least it can take, its length field. */
export const METADATA_TYPE_BYTES: Readonly<Record<MetadataType, number>> = {
  uint8: 1,
  int8: 1,
  uint16: 2,
  int16: 2,
  uint32: 4,
  int32: 4,
  float32: 4,
  bool: 1,
  string: 8,
  uint64: 8,
  int64: 8,
  float64: 8,
};

/** How a tensor is stored in a GGUF file. */
export interface StoredType {
  /** The `ggml_type` number. */
  readonly id: number;
  /** Name of the block format. Integer types are only ever copied. */
  readonly codec: string;
  /** `rows`, but for the numbers that mean rows interleaved on disk. */
  readonly layout: string;
  readonly blockSize: number;
  readonly blockBytes: number;
}

const stored = (id: number, { name, blockSize, blockBytes }: BlockFormat, layout = "rows"): StoredType => {
  return { id, codec: name, layout, blockSize, blockBytes };
};

/**
 * Every type a GGUF file may hold: the formats that have a number, then interleaved rows under numbers of other
 * programs (layouts/compat.ts). 4, 5 and 36 to 38 have been withdrawn and hold nothing; 31 to 33 were withdrawn from
 * llama.cpp, but ik_llama.cpp reads and writes them.
 */
export const STORED_TYPES: readonly StoredType[] = [
  ...allFormats().flatMap((format) => (format.ggmlType === undefined ? [] : [stored(format.ggmlType, format)])),
  ...COMPAT_TYPES.map(({ id, format, layout }) => stored(id, findFormat(format)!, layout)),
];

const byId = new Map(STORED_TYPES.map((type) => [type.id, type]));
const byCodecAndLayout = new Map(STORED_TYPES.map((type) => [`${type.codec}@${type.layout}`, type]));

/** The stored type with that `ggml_type` number, or undefined. */
export function findStoredType(id: number): StoredType | undefined {
  return byId.get(id);
}

/** The stored type for that codec in that layout, or undefined where GGUF has no number for it. */
export function findStoredTypeOf(codec: string, layout = "rows"): StoredType | undefined {
  return byCodecAndLayout.get(`${codec}@${layout}`);
}

/** `ggml_type` number of signed bytes: what tensors without a number of their own are carried in. */
export const I8_TYPE = findStoredTypeOf("i8")!.id;

/** `byteCount` rounded up to a multiple of `alignment`, a power of two; exact up to 2^53. */
export function padTo(byteCount: number, alignment: number): number {
  const rest = byteCount % alignment;
  return rest === 0 ? byteCount : byteCount + alignment - rest;
}

/** Offsets in the data section for tensors of these sizes, in order, and the size of the padded section. */
export function placeInDataSection(
  byteLengths: readonly number[],
  alignment: number,
): { readonly offsets: readonly number[]; readonly byteLength: number } {
  let next = 0;
  const offsets = byteLengths.map((byteLength) => {
    const offset = next;
    next = padTo(next + byteLength, alignment);
    return offset;
  });
  return { offsets, byteLength: next };
}
