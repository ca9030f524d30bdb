/**
 * A band of a matrix's rows under work. Rows are independent, so a member takes a band by itself; all that is shared is
 * the factor of the inputs, which nobody changes.
 *
 * With H = V V^T the loss of q for a target w is |w V - q V|^2. `wanted` is w V, `left` is w V - q V.
 */
import { PANEL_ROWS } from "../forward/numerics/multiply.ts";
import type { Algebra } from "./algebra/algebra.ts";
import { BLOCK, blockRows } from "./upper-matrix.ts";

/** A block of columns on its way through rounding: rows of `BLOCK` floats. */
export interface ColumnBlock {
  /** What each column should still make up for; what is left of it afterwards. */
  readonly gradients: Float32Array;
  /** Values before: zeros when the block is rounded for the first time. */
  readonly base: Float32Array;
  /** Receives the rounded values. */
  readonly values: Float32Array;
  /** How a column's error goes on to those behind it, and to itself: V, or in a descent H. */
  readonly matrix: Float32Array;
  readonly diagonal: Float32Array;
}

/** Rounds a block of columns: see round-block.ts. */
export type RoundColumns = (columns: {
  readonly block: ColumnBlock;
  /** First column, and how many. */
  readonly first: number;
  readonly count: number;
  readonly isDescent: boolean;
}) => void;

/** Arrays of `rows` x `size`, row-major, and what blocks of columns are worked on in. */
export interface Band {
  readonly algebra: Algebra;
  /** Rows there is room for, a multiple of four. */
  readonly rows: number;
  readonly size: number;
  /** Float weights. */
  readonly floats: Float32Array;
  /** The same, or the targets that stand for them. */
  readonly weights: Float32Array;
  readonly wanted: Float32Array;
  readonly left: Float32Array;
  /** Rounded values. */
  readonly values: Float32Array;
  /** For whatever the rounding of a format needs, a number for each weight. */
  readonly codes: Uint8Array;
  readonly scales: Float32Array;
  readonly offsets: Float32Array;
  /** Rows of the factor on their way into a panel, and the panel. */
  readonly factorRows: Float32Array;
  readonly panel: Float32Array;
  /** `rows` x `size`, for sums. */
  readonly sums: Float32Array;
  readonly small: Float32Array;
  /** A block of columns under work: rows of `BLOCK`. */
  readonly block: ColumnBlock;
}

/** Memory that bands of any size share, one at a time. */
export type BandPool = Omit<Band, "rows" | "size">;

/**
 * @param weights rows times columns of a band at most
 * @param size columns at most
 * @param rows at most
 */
export function makeBandPool(algebra: Algebra, weights: number, size: number, rows: number): BandPool {
  const wide = Math.max(size, BLOCK);
  const floats = (): Float32Array => algebra.floats(weights);
  const blockFloats = (): Float32Array => algebra.floats(rows * BLOCK);
  return {
    algebra,
    floats: floats(),
    weights: floats(),
    wanted: floats(),
    left: floats(),
    values: floats(),
    codes: algebra.bytes(weights),
    scales: floats(),
    offsets: floats(),
    factorRows: algebra.floats(wide * BLOCK),
    panel: algebra.floats(wide * BLOCK),
    sums: algebra.floats(Math.max(weights + rows * PANEL_ROWS, BLOCK * BLOCK)),
    small: blockFloats(),
    block: {
      gradients: blockFloats(),
      base: blockFloats(),
      values: blockFloats(),
      matrix: algebra.floats(BLOCK * BLOCK),
      diagonal: algebra.floats(BLOCK),
    },
  };
}

/** Bytes of a pool in the algebra's memory. */
export function bandPoolBytes(weights: number, size: number, rows: number): number {
  const wide = Math.max(size, BLOCK);
  const floats = 8 * weights + rows * PANEL_ROWS + 2 * wide * BLOCK + 4 * rows * BLOCK + 2 * BLOCK * BLOCK + BLOCK;
  return 4 * floats + weights + 25 * 128;
}

/** A band of so many rows, a multiple of four, in a pool's memory. */
export function bandOf(pool: BandPool, rows: number, size: number): Band {
  const part = <T extends Float32Array | Uint8Array>(array: T): T => array.subarray(0, rows * size) as T;
  const { floats, weights, wanted, left, values, codes, scales, offsets } = pool;
  return {
    ...pool,
    rows,
    size,
    floats: part(floats),
    weights: part(weights),
    wanted: part(wanted),
    left: part(left),
    values: part(values),
    codes: part(codes),
    scales: part(scales),
    offsets: part(offsets),
  };
}

/** Rows of a panel that holds so many. */
export const upTo = (count: number): number => Math.ceil(count / PANEL_ROWS) * PANEL_ROWS;

/** Copies a block of columns to or from rows of `BLOCK`. */
export function takeColumns({ rows, size }: Band, source: Float32Array, j: number, out: Float32Array): void {
  const [first, columns] = [j * BLOCK, blockRows(size, j)];
  for (let row = 0; row < rows; row++) {
    out.set(source.subarray(row * size + first, row * size + first + columns), row * BLOCK);
  }
}

/** The inverse. */
export function putColumns({ rows, size }: Band, source: Float32Array, j: number, out: Float32Array): void {
  const [first, columns] = [j * BLOCK, blockRows(size, j)];
  for (let row = 0; row < rows; row++) {
    out.set(source.subarray(row * BLOCK, row * BLOCK + columns), row * size + first);
  }
}

/** Sum of squares of each row, in f64. */
export function rowLosses({ size }: Band, left: Float32Array, rows: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let i = row * size; i < (row + 1) * size; i++) sum += left[i]! * left[i]!;
    return sum;
  });
}
