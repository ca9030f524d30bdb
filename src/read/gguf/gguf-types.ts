/**
 * The numbers of the GGUF format: value types of metadata, and the size of every block a tensor may be stored in.
 *
 * `@huggingface/gguf` has these enums too, but importing it loads its whole catalogue of tasks (a third of a second
 * at every start), so the few facts are stated here and a test compares them with that package and with our codecs.
 */
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
  /** Name of the block format, as in the registry of codecs. Integer types are only ever copied. */
  readonly codec: string;
  /** `rows`, but for the numbers that mean rows interleaved on disk. */
  readonly layout: string;
  readonly blockSize: number;
  readonly blockBytes: number;
}

const stored = (id: number, codec: string, blockSize: number, blockBytes: number, layout = "rows"): StoredType => ({
  id,
  codec,
  layout,
  blockSize,
  blockBytes,
});

/** `ggml_type` number of signed bytes: what tensors without a number of their own are carried in. */
export const I8_TYPE = 24;

/**
 * Every type a GGUF file may hold. 4, 5 and 36 to 38 have been withdrawn and hold nothing; 31 to 33 were withdrawn
 * from llama.cpp, but ik_llama.cpp reads and writes them, and 202, 208 and 353 are its own (layouts/compat.ts).
 */
export const STORED_TYPES: readonly StoredType[] = [
  stored(0, "f32", 1, 4),
  stored(1, "f16", 1, 2),
  stored(2, "q4_0", 32, 18),
  stored(3, "q4_1", 32, 20),
  stored(6, "q5_0", 32, 22),
  stored(7, "q5_1", 32, 24),
  stored(8, "q8_0", 32, 34),
  stored(9, "q8_1", 32, 36),
  stored(10, "q2_K", 256, 84),
  stored(11, "q3_K", 256, 110),
  stored(12, "q4_K", 256, 144),
  stored(13, "q5_K", 256, 176),
  stored(14, "q6_K", 256, 210),
  stored(15, "q8_K", 256, 292),
  stored(16, "iq2_xxs", 256, 66),
  stored(17, "iq2_xs", 256, 74),
  stored(18, "iq3_xxs", 256, 98),
  stored(19, "iq1_s", 256, 50),
  stored(20, "iq4_nl", 32, 18),
  stored(21, "iq3_s", 256, 110),
  stored(22, "iq2_s", 256, 82),
  stored(23, "iq4_xs", 256, 136),
  stored(I8_TYPE, "i8", 1, 1),
  stored(25, "i16", 1, 2),
  stored(26, "i32", 1, 4),
  stored(27, "i64", 1, 8),
  stored(28, "f64", 1, 8),
  stored(29, "iq1_m", 256, 56),
  stored(30, "bf16", 1, 2),
  stored(31, "q4_0", 32, 18, "4x4"),
  stored(32, "q4_0", 32, 18, "4x8"),
  stored(33, "q4_0", 32, 18, "8x8"),
  stored(34, "tq1_0", 256, 54),
  stored(35, "tq2_0", 256, 66),
  stored(39, "mxfp4", 32, 17),
  stored(40, "nvfp4", 64, 36),
  stored(41, "q1_0", 128, 18),
  stored(42, "q2_0", 64, 18),
  stored(202, "q4_0", 32, 18, "8x4"),
  stored(208, "q8_0", 32, 34, "8x4"),
  stored(353, "mxfp4", 32, 17, "8x4"),
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
