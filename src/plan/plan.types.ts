/**
 * A plan: everything that is decided before the first weight is read. Pure data, made by `planConversion` and carried
 * out by the engine.
 */
import type { Metadata, Model, Tensor } from "../read/model.ts";

/** What happens to one tensor. */
export interface TensorPlan {
  readonly tensor: Tensor;
  /** Target block format. Equal to the tensor's own: the bytes are copied (after unpacking and packing). */
  readonly codec: string;
  /** Target memory order: a layout name, or `rows`. */
  readonly layout: string;
  /** Tables per slice for codebook formats. */
  readonly tables?: number;
  /** Importance of each column, `shape[0] * slices` values, slice after slice. */
  readonly importance?: Float32Array;
  /** Why this codec: `scheme`, `rule 2`, `mix`, `copied: norm`, `fallback: rows of 172 do not divide by 256`, ... */
  readonly reason: string;
  /** True when the tensor did not get the codec or layout that was asked for. */
  readonly isFallback: boolean;
  /** First byte in the output's data section, and size without padding. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** A conversion, ready to run. */
export interface Plan {
  readonly model: Model;
  /** In output order. */
  readonly tensors: readonly TensorPlan[];
  /** The output's metadata: the source's, `general.file_type`, ... without the manifest and the codebooks. */
  readonly metadata: Metadata;
  /** Data alignment of the output, a power of two. */
  readonly alignment: number;
}
