/**
 * A checkpoint in memory, whatever file format it came from: what it is called, what it says of itself, and where
 * the bytes of its tensors lie. Weights stay on disk.
 */
import type { Codebook } from "../../codecs/codec.ts";
import type { InputFile } from "./input-file.ts";
import type { Extent, Part } from "./stored-array.types.ts";

/** GGUF value types, under the names of the specification. */
export type MetadataType =
  | "uint8"
  | "int8"
  | "uint16"
  | "int16"
  | "uint32"
  | "int32"
  | "float32"
  | "bool"
  | "string"
  | "uint64"
  | "int64"
  | "float64";

/** A scalar: 64-bit integers are bigint so that no value is rounded. */
export type MetadataScalar = number | bigint | boolean | string;

/** A value with its type kept, so that writing gives the bytes that were read. */
export type MetadataValue =
  | { readonly type: MetadataType; readonly value: MetadataScalar }
  | {
      readonly type: "array";
      readonly elementType: MetadataType;
      readonly values: ArrayLike<MetadataScalar>;
      /** Strings that came from a file, as they lie there; `values` are decoded when asked for. */
      readonly stored?: { readonly count: number; readonly bytes: Uint8Array };
    };

/** Key-value pairs in file order. */
export type Metadata = Map<string, MetadataValue>;

/** One tensor: what it is and where its bytes lie. */
export interface Tensor {
  readonly name: string;
  /** Innermost first, as in GGUF: `shape[0]` is the row length, 1 to 4 dimensions, all at least 1. */
  readonly shape: readonly number[];
  /** Name of the stored block format (`f16`, `q4_K`, `q4_cb`): see `codecs/registry.ts`. */
  readonly codec: string;
  /** Memory order of the stored bytes: `rows` unless this program packed it. */
  readonly layout: string;
  /** Learned tables of a codebook tensor: one per slice (2-D matrix) of the tensor. */
  readonly codebooks?: readonly Codebook[];
  /** The bytes it is made of. Without `parts` they are its bytes, in order; more than one when shards are put together. */
  readonly extents: readonly Extent[];
  /**
   * How its elements come from these bytes, where they do not lie there in order or are yet to be computed: views on
   * stored arrays, one behind the other. Then `codec` is the one in which they arrive.
   */
  readonly parts?: readonly Part[];
}

/** Formats of files that checkpoints are read from. */
export const MODEL_FORMATS = ["gguf", "safetensors"] as const;

/** A checkpoint. */
export interface Model {
  /** The path as the user gave it. */
  readonly path: string;
  readonly format: (typeof MODEL_FORMATS)[number];
  /** Absolute paths of all files, in shard order. */
  readonly files: readonly InputFile[];
  readonly metadata: Metadata;
  readonly tensors: readonly Tensor[];
  /** What people should know about the reading (no vocabulary found, ...), a sentence each. */
  readonly notes?: readonly string[];
}

/** Weights in a tensor. */
export function elementCount(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}

/** Rows of `shape[0]` weights in a tensor, all slices counted. */
export function rowCount(shape: readonly number[]): number {
  return elementCount(shape.slice(1));
}

/** Matrices in a tensor: 1 for two dimensions or fewer, the number of experts for stacked experts. */
export function sliceCount(shape: readonly number[]): number {
  return elementCount(shape.slice(2));
}
