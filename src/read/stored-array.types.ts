/**
 * Where the numbers of a tensor come from when its bytes do not lie in a file as they are wanted: arrays that are
 * stored in one way or another, and views on them.
 *
 * All of it is plain data, so that any worker can follow it, and none of it holds weights. An array is a sequence of
 * elements: weights of one float format, or whole blocks of a block format. What is stored in pieces (codes here,
 * scales there) is put together while it is read; f32 comes out of everything that has to be computed.
 */

/** A run of bytes in one of the model's files. */
export interface Extent {
  /** Index into `Model.files`. */
  readonly file: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** The bytes themselves, for the few that are in no file (rotary factors computed from a config). */
  readonly bytes?: Uint8Array;
}

/** Numbers of one float or integer format, one after the other. */
export interface StoredNumbers {
  readonly extent: Extent;
  /** Codec of a single number: `f16`, `bf16`, `f32`, `f8_e4m3`, `i8`, ... */
  readonly codec: string;
}

/** Elements as they lie in a file. */
export interface PlainArray {
  readonly kind: "plain";
  readonly extent: Extent;
  readonly elementBytes: number;
}

/** Elements that are zero, for rows that a file does not have. */
export interface ZeroArray {
  readonly kind: "zeros";
  readonly elementBytes: number;
}

/** f32: a function of each number. */
export interface MappedArray {
  readonly kind: "mapped";
  readonly numbers: StoredNumbers;
  /** `1 + x`, `-exp(x)`, `1 / x`; `x` only widens. */
  readonly map: "plus-one" | "negative-exponential" | "reciprocal" | "none";
}

/** f32: small numbers times the scale of their block, as 8-bit floats and integers are stored. */
export interface ScaledArray {
  readonly kind: "scaled";
  /** Row-major. */
  readonly numbers: StoredNumbers;
  readonly columns: number;
  /** One for each block of `blockRows` by `blockColumns`, row-major; blocks at the edges may be cut. */
  readonly scales: StoredNumbers;
  readonly blockRows: number;
  readonly blockColumns: number;
  /** Multiplies every scale first; absent: 1. */
  readonly factor?: number;
}

/** Unsigned integers of a few bits, packed into 32-bit words along rows or columns. */
export interface PackedIntegers {
  readonly extent: Extent;
  readonly along: "rows" | "columns";
  /** Words of one row of words. */
  readonly wordsPerRow: number;
  /** Which field of a word an element is in, by its place among those of the word; absent: lowest first. */
  readonly order?: readonly number[];
}

/** f32: `(code - zero) * scale`, codes of 2 to 8 bits, one zero and scale for each group along rows or columns. */
export interface PackedArray {
  readonly kind: "packed";
  readonly bits: number;
  readonly rows: number;
  readonly columns: number;
  readonly codes: PackedIntegers;
  /** The axis along which `groupSize` neighbours share a scale. */
  readonly groupsAlong: "rows" | "columns";
  readonly groupSize: number;
  /** i32, the group of each row (or column), where groups are not of neighbours. */
  readonly groupIndex?: Extent;
  /** Groups along rows: [groups, columns]; along columns: [rows, groups]. */
  readonly scales: StoredNumbers;
  /** Packed like codes, in the shape of the scales; absent: `zero` alone. */
  readonly zeros?: PackedIntegers;
  /** Added to the packed zeros, or the zero of all. */
  readonly zero: number;
}

/** f32: 4-bit codes, high nibble first, that are looked up in a table and scaled by the block: bitsandbytes. */
export interface TableArray {
  readonly kind: "table";
  readonly codes: Extent;
  /** 16 numbers. */
  readonly table: StoredNumbers;
  readonly blockSize: number;
  /** The scale of each block; or codes of it, when `scaleTable` is there. */
  readonly scales: StoredNumbers;
  /** Scales that are themselves looked up in 256 numbers, scaled by a block of their own, and moved. */
  readonly scaleTable?: {
    readonly table: StoredNumbers;
    readonly scales: StoredNumbers;
    readonly blockSize: number;
    readonly offset: number;
  };
}

/** Blocks of mxfp4: 32 codes of neighbours in pairs, low nibble first, and one 8-bit exponent. */
export interface Mxfp4Array {
  readonly kind: "mxfp4";
  /** 16 bytes for each block. */
  readonly codes: Extent;
  /** One byte for each block. */
  readonly scales: Extent;
}

/** Blocks of nvfp4: 64 codes of neighbours in pairs, low nibble first, and an 8-bit float for each 16. */
export interface Nvfp4Array {
  readonly kind: "nvfp4";
  /** 32 bytes for each block. */
  readonly codes: Extent;
  /** 4 bytes for each block. */
  readonly scales: Extent;
}

export type StoredArray =
  PlainArray | ZeroArray | MappedArray | ScaledArray | PackedArray | TableArray | Mxfp4Array | Nvfp4Array;

/** `count` elements, each `stride` elements behind the one before. */
export interface Axis {
  readonly count: number;
  readonly stride: number;
}

/** Elements of an array, picked and ordered by strides: element `start + sum of index * stride`, last axis fastest. */
export interface View {
  readonly start: number;
  readonly axes: readonly Axis[];
}

/** A view on an array: a part of a tensor. */
export interface Part extends View {
  readonly array: StoredArray;
}
