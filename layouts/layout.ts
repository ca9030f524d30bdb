/**
 * What a layout is: how the blocks of `rowsPerGroup` neighbouring rows are interleaved.
 *
 * For each group of N rows and each block column, the N row-major blocks become one interleaved block of the same
 * total size: the fields one after the other, each dealt round robin in chunks of `chunk` bytes,
 *
 *   dst[(c * N + r) * chunk + k] = src_r[c * chunk + k]        (then XOR `xor`, where given)
 *
 * so `chunk == bytes of the field` gathers the field whole, row 0 first. A group of rows starts at
 * `group * N * rowBytes`, as in row-major order. What is not dealt in whole bytes (the 6-bit scales of K-quants)
 * names a permutation of the field's bits, a function in `bit-orders.ts`.
 */
import type { BlockFormat } from "../codecs/codec.ts";

/**
 * Rows that every layout's group divides: work that is cut at multiples of it (bands, samples, chunks) cuts no group,
 * whatever the layout. registry.ts refuses a shape that breaks it; src/kernels/simd/tile.ts has room for as many rows.
 */
export const ROW_MULTIPLE = 16;

/** The permutations of `bit-orders.ts`. */
export type BitOrderName = "k-scales" | "k-scales-16" | "q2-scales-16" | "nibbles";

/** How one field is interleaved. */
export interface FieldLayout {
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
  /** A named permutation of the field's bits, instead of the dealing; `chunk` then equals `bytes`. */
  readonly special?: BitOrderName;
}

/** One block format in one memory order. */
export interface Layout {
  /** `rows`, `4x4`, `4x8`, `8x8`, `8x4`, ... */
  readonly name: string;
  readonly format: BlockFormat;
  /** N: rows interleaved; 1 for `rows`. A tensor fits when its row count is a multiple. */
  readonly rowsPerGroup: number;
  /** Fields in the order of the interleaved block. */
  readonly fields: readonly FieldLayout[];
}

/** A run of bits that belong to one element. */
export interface LocatedPart {
  readonly field: string;
  /** What the bits say of the element: `code`, `high bit`, `scale`, `minimum`, `table`, ... */
  readonly label: string;
  /** Byte that holds the run's lowest bit, from the start of the tensor (or of the packed bytes given). */
  readonly byteOffset: number;
  /** Lowest bit within that byte, 0 to 7; a run longer than the byte goes on in the next ones, little-endian. */
  readonly bit: number;
  readonly bits: number;
}

/** Where an element lies. */
export interface Location {
  /** The codes first, then the scales; a value that is stored in two runs has two parts, low bits first. */
  readonly parts: readonly LocatedPart[];
}
