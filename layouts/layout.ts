/**
 * What a layout is: how the blocks of `rowsPerGroup` neighbouring rows are woven into one.
 *
 * For each group of N rows and each block column, the N row-major blocks become one interleaved block of the same
 * total size: the fields one after the other, each dealt round robin in chunks of `chunk` bytes,
 *
 *   dst[(c * N + r) * chunk + k] = src_r[c * chunk + k]        (then XOR `xor`, where given)
 *
 * so `chunk == bytes of the field` gathers the field whole, row 0 first. A group of rows starts at
 * `group * N * rowBytes`, as in row-major order. What cannot be said like this (the 6-bit scales of K-quants)
 * names a `special` transformation.
 */
import type { BlockFormat } from "../codecs/codec.ts";

/** How one field is woven. */
export interface FieldWeave {
  /** The field's name in the block format. */
  readonly field: string;
  /** Offset of the field in the row-major block. */
  readonly byteOffset: number;
  /** Bytes of the field in one block. */
  readonly bytes: number;
  /** Bytes taken from one row before the next row's turn; divides `bytes`. */
  readonly chunk: number;
  /** Each byte is XORed with this (q4_0: 0x88 turns offset-binary nibbles into two's complement). */
  readonly xor: number;
  /** A named bit rearrangement, instead of the dealing. */
  readonly special?: "k-scales";
}

/** One block format in one memory order. */
export interface Weave {
  /** `rows`, `4x4`, `4x8`, `8x8`, `8x4`, ... */
  readonly layout: string;
  readonly format: BlockFormat;
  /** N: rows woven together; 1 for `rows`. A tensor fits when its row count is a multiple. */
  readonly rowsPerGroup: number;
  /** Fields in the order of the interleaved block. */
  readonly fields: readonly FieldWeave[];
}

/** Where an element lies. */
export interface Location {
  /** Byte offsets from the start of the tensor, and the bits (lowest first) that belong to the element, per field. */
  readonly parts: readonly {
    readonly field: string;
    readonly byteOffset: number;
    readonly bit: number;
    readonly bits: number;
  }[];
}
