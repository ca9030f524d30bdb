/**
 * The hot loops of the pipeline, over one block of memory that a worker owns.
 *
 * All places are byte addresses in that memory, so that a file is read straight to where WebAssembly works on it. The
 * scalar backend calls the TypeScript definitions on views of the memory; the wasm backend replaces every loop that
 * has a SIMD twin. Both give the same bytes and the same sums.
 */
import type { Codec, Codebook, CodebookFormat, Effort } from "../../../codecs/codec.ts";
import type { Layout } from "../../../layouts/layout.ts";
import type { MakeFitSteps } from "../../fit/assign-groups.ts";

/** Which implementation of the hot loops runs; both give the same bytes and the same numbers. */
export const BACKENDS = ["wasm", "scalar"] as const;
export type BackendName = (typeof BACKENDS)[number];

/** A block format that has its tables. */
export interface ReadyCodec {
  readonly codec: Codec;
  /** The prepared codebook that the SIMD twins read; absent without learned tables, and in the scalar backend. */
  readonly preparedCodebook?: Uint8Array;
}

/** A codec, bound to a worker's memory: its prepared codebook, if it has one, lies there. */
export interface BoundCodec {
  /** Address of the prepared codebook, 0 without one. */
  readonly preparedCodebook: number;
  /** Whole blocks at `src` to f32 at `dst`. */
  decode(src: number, dst: number, weights: number): void;
  /** Rows of f32 at `src` to row-major blocks at `dst`; `importance`: address of one f32 per column, or 0. */
  encode(src: number, dst: number, rows: number, rowLength: number, importance: number): void;
}

/** A layout, and the address of its `layoutTable` for the SIMD twin. */
export interface BoundLayout {
  readonly layout: Layout;
  readonly table: number;
}

/** What a kernel needs to know of a matrix. */
export interface KernelMatrix {
  readonly layout: BoundLayout;
  readonly codec: BoundCodec;
  readonly codebook?: Codebook | undefined;
}

export interface Backend {
  readonly name: BackendName;
  readonly memory: Uint8Array;
  /** First address that is free to use. */
  readonly base: number;
  /**
   * Makes a codec of a format: some milliseconds for formats with learned tables.
   * @param effort how hard the encoder searches; absent: the codec only decodes
   */
  prepare(format: Codec | CodebookFormat, codebook?: Codebook, effort?: Effort): ReadyCodec;
  /** Puts a codec's prepared codebook at `address`, where `preparedBytes` are free. */
  bindCodec(ready: ReadyCodec, address: number): BoundCodec;
  /** `address` has room for `layoutTable(layout)`. */
  bindLayout(layout: Layout, address: number): BoundLayout;
  /** `rows` is a multiple of the layout's rows per group. */
  pack(layout: BoundLayout, src: number, dst: number, rows: number, rowBytes: number): void;
  unpack(layout: BoundLayout, src: number, dst: number, rows: number, rowBytes: number): void;
  /**
   * The check of a matrix's kernel with one row of activations.
   * @param room an address with `kernelRoom` free
   * @returns a function that multiplies `rows` packed rows at `packed` and adds the errors of their products, beside
   * those of the f32 rows at `weights`, to the three f64 at `sums`; undefined where there is no kernel for the format or
   * the row length
   */
  bindKernel(
    matrix: KernelMatrix,
    activations: Float32Array,
    room: number,
  ): ((packed: number, weights: number, rows: number, sums: number) => void) | undefined;
  /** The steps of a round of fitting, with `fitBytes` of memory from `room` on. */
  fitSteps(room: number): MakeFitSteps;
  /** Adds `ERROR_SUM_COUNT` sums over rows of f32 at `a` and `b` to the f64s at `sums`. */
  addErrorSums(a: number, b: number, rows: number, rowLength: number, sums: number): void;
  /** True when all `count` f32 at `src` are finite. */
  allFinite(src: number, count: number): boolean;
  /** Adds bytes to the hash at `state`. */
  addToHash(state: number, src: number, bytes: number): void;
}
