/**
 * A band of a matrix's rows against the factor of its inputs: targets, feedback, descent and losses. Rows are independent,
 * so a member takes a band by itself; all that is shared is the factor, which nobody changes.
 *
 * With H = V V^T the loss of q for a target w is |w V - q V|^2. `wanted` is w V, `left` is w V - q V.
 */
import { PANEL_ROWS } from "../forward/numerics/multiply.ts";
import type { Algebra } from "./algebra/algebra.ts";
import type { Factor } from "./factor.ts";
import { BLOCK, blockCount, blockRows, blockStart, blockStride, copyFrom } from "./upper-matrix.ts";

const { fround } = Math;

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
  /** Float weights, or the targets that stand for them. */
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
  const floats = 7 * weights + rows * PANEL_ROWS + 2 * wide * BLOCK + 4 * rows * BLOCK + 2 * BLOCK * BLOCK + BLOCK;
  return 4 * floats + weights + 24 * 128;
}

/** A band of so many rows, a multiple of four, in a pool's memory. */
export function bandOf(pool: BandPool, rows: number, size: number): Band {
  const part = <T extends Float32Array | Uint8Array>(array: T): T => array.subarray(0, rows * size) as T;
  const { weights, wanted, left, values, codes, scales, offsets } = pool;
  return {
    ...pool,
    rows,
    size,
    weights: part(weights),
    wanted: part(wanted),
    left: part(left),
    values: part(values),
    codes: part(codes),
    scales: part(scales),
    offsets: part(offsets),
  };
}

const upTo = (count: number): number => Math.ceil(count / PANEL_ROWS) * PANEL_ROWS;

/** sums = x[:, from x] times a panel that is packed already. */
function timesPanel(
  band: Band,
  x: Float32Array,
  from: number,
  columns: number,
  outColumns: number,
  rows: number,
): void {
  const { algebra, size, panel, sums } = band;
  algebra.multiply({
    x: x.subarray(from),
    xStride: size,
    xRows: rows,
    columns,
    panel,
    panelRows: upTo(outColumns),
    panelColumns: columns,
    out: sums,
    outStride: upTo(outColumns),
  });
}

/** Packs V[rows before block j, columns of block j]: out = x V for that block of columns. */
function packAbove(band: Band, factor: Factor, j: number): void {
  const columns = blockRows(factor.size, j);
  for (let i = 0; i < j; i++) {
    copyFrom(factor, i, j * BLOCK, j * BLOCK + columns, band.factorRows.subarray(i * BLOCK * columns), columns);
  }
  band.algebra.packColumns(band.factorRows, columns, j * BLOCK, columns, band.panel, j * BLOCK);
}

/** Packs V[rows of block j, columns from `from` on], so that out = x V^T for that block of rows. */
function packRowsOf(band: Band, factor: Factor, j: number, from: number): void {
  const columns = factor.size - from;
  copyFrom(factor, j, from, factor.size, band.factorRows, columns);
  band.algebra.packPanel(band.factorRows, columns, blockRows(factor.size, j), columns, band.panel);
}

/** Packs a block's diagonal part or its inverse; `turned`: for products with its transpose. */
function packDiagonal(band: Band, source: Float32Array, rows: number, isTurned: boolean): void {
  band.factorRows.set(source.subarray(0, rows * BLOCK));
  if (isTurned) band.algebra.packPanel(band.factorRows, BLOCK, rows, rows, band.panel);
  else band.algebra.packColumns(band.factorRows, BLOCK, rows, rows, band.panel, rows);
}

function diagonalBlock(factor: Factor, j: number): Float32Array {
  const rows = blockRows(factor.size, j);
  const block = new Float32Array(rows * BLOCK);
  copyFrom(factor, j, j * BLOCK, j * BLOCK + rows, block, BLOCK);
  return block;
}

const inverseBlock = ({ inverses }: Factor, j: number): Float32Array =>
  inverses.subarray(j * BLOCK * BLOCK, (j + 1) * BLOCK * BLOCK);

/** out[:, block j] = f(x[:, block j], sums) */
function combine(band: Band, rows: number, j: number, x: Float32Array, out: Float32Array, sign: 1 | -1): void {
  const { size, sums } = band;
  const columns = blockRows(size, j);
  const stride = upTo(columns);
  for (let row = 0; row < rows; row++) {
    const at = row * size + j * BLOCK;
    for (let c = 0; c < columns; c++) out[at + c] = fround(x[at + c]! + fround(sign * sums[row * stride + c]!));
  }
}

/** out = x V. @param out may not be `x` */
export function timesFactor(band: Band, factor: Factor, x: Float32Array, out: Float32Array, rows: number): void {
  const { size } = band;
  for (let j = 0; j < blockCount(size); j++) {
    const columns = blockRows(size, j);
    const [first, stride] = [j * BLOCK, upTo(columns)];
    packDiagonal(band, diagonalBlock(factor, j), columns, false);
    timesPanel(band, x, first, columns, columns, rows);
    for (let row = 0; row < rows; row++) {
      out.set(band.sums.subarray(row * stride, row * stride + columns), row * size + first);
    }
    if (j === 0) continue;
    packAbove(band, factor, j);
    timesPanel(band, x, 0, first, columns, rows);
    combine(band, rows, j, out, out, 1);
  }
}

/** out = x V^-T, in place: `out` is `x`. What is wanted of q V where x = y^T X, the products of wanted outputs with inputs. */
export function solveTurned(band: Band, factor: Factor, x: Float32Array, rows: number): void {
  const { size } = band;
  for (let j = blockCount(size) - 1; j >= 0; j--) {
    const columns = blockRows(size, j);
    const behind = j * BLOCK + columns;
    if (behind < size) {
      packRowsOf(band, factor, j, behind);
      timesPanel(band, x, behind, size - behind, columns, rows);
      combine(band, rows, j, x, x, -1);
    }
    timesInverse(band, factor, j, x, rows, true);
  }
}

/** out = x V^-1: the weights whose product with V is x. @param out may not be `x` */
export function solve(band: Band, factor: Factor, x: Float32Array, out: Float32Array, rows: number): void {
  const { size } = band;
  for (let row = 0; row < rows; row++) out.set(x.subarray(row * size, (row + 1) * size), row * size);
  for (let j = 0; j < blockCount(size); j++) {
    if (j > 0) {
      packAbove(band, factor, j);
      timesPanel(band, out, 0, j * BLOCK, blockRows(size, j), rows);
      combine(band, rows, j, out, out, -1);
    }
    timesInverse(band, factor, j, out, rows, false);
  }
}

/** x[:, block j] times the inverse of the diagonal block, or its transpose. */
function timesInverse(band: Band, factor: Factor, j: number, x: Float32Array, rows: number, isTurned: boolean): void {
  const { size } = band;
  const columns = blockRows(size, j);
  packDiagonal(band, inverseBlock(factor, j), columns, isTurned);
  timesPanel(band, x, j * BLOCK, columns, columns, rows);
  const stride = upTo(columns);
  for (let row = 0; row < rows; row++) {
    x.set(band.sums.subarray(row * stride, row * stride + columns), row * size + j * BLOCK);
  }
}

/** Copies a block of columns to or from rows of `BLOCK`. */
function takeColumns({ rows, size }: Band, source: Float32Array, j: number, out: Float32Array): void {
  const [first, columns] = [j * BLOCK, blockRows(size, j)];
  for (let row = 0; row < rows; row++) {
    out.set(source.subarray(row * size + first, row * size + first + columns), row * BLOCK);
  }
}

function putColumns({ rows, size }: Band, source: Float32Array, j: number, out: Float32Array): void {
  const [first, columns] = [j * BLOCK, blockRows(size, j)];
  for (let row = 0; row < rows; row++) {
    out.set(source.subarray(row * BLOCK, row * BLOCK + columns), row * size + first);
  }
}

function setMatrix({ block }: Band, matrix: Float32Array, columns: number): void {
  block.matrix.set(matrix.subarray(0, columns * BLOCK));
  for (let c = 0; c < columns; c++) block.diagonal[c] = matrix[c * BLOCK + c]!;
}

/**
 * Rounds the band with feedback: `values` from `wanted`; `left` is what remains. All `band.rows` rows are worked on; what
 * lies beyond the matrix must be finite.
 */
export function feedBack(band: Band, factor: Factor, round: RoundColumns): void {
  const { rows, size, block, wanted, left, values } = band;
  block.base.fill(0);
  for (let j = 0; j < blockCount(size); j++) {
    const [first, count] = [j * BLOCK, blockRows(size, j)];
    if (j > 0) {
      packAbove(band, factor, j);
      timesPanel(band, values, 0, first, count, rows);
      combine(band, rows, j, wanted, left, -1);
    }
    takeColumns(band, j > 0 ? left : wanted, j, block.gradients);
    setMatrix(band, diagonalBlock(factor, j), count);
    round({ block, first, count, isDescent: false });
    putColumns(band, block.values, j, values);
    putColumns(band, block.gradients, j, left);
  }
}

/**
 * A pass of coordinate descent: each column is rounded anew, given all others.
 * @param squares of each block, V_j V_j^T: `BLOCK` x `BLOCK` (`diagonalSquares`)
 */
export function descend(band: Band, factor: Factor, squares: Float32Array, round: RoundColumns): void {
  const { algebra, rows, size, block, left, values, factorRows, panel, sums, small } = band;
  for (let j = 0; j < blockCount(size); j++) {
    const [first, count] = [j * BLOCK, blockRows(size, j)];
    packRowsOf(band, factor, j, first);
    timesPanel(band, left, first, size - first, count, rows);
    const stride = upTo(count);
    for (let row = 0; row < rows; row++) {
      block.gradients.set(sums.subarray(row * stride, row * stride + count), row * BLOCK);
    }
    takeColumns(band, values, j, block.base);
    setMatrix(band, squares.subarray(j * BLOCK * BLOCK, (j + 1) * BLOCK * BLOCK), count);
    round({ block, first, count, isDescent: true });
    putColumns(band, block.values, j, values);
    for (let i = 0; i < rows * BLOCK; i++) small[i] = fround(block.values[i]! - block.base[i]!);
    // left -= change V[block j, ...]: the rows of the factor are still there.
    const behind = size - first;
    algebra.packColumns(factorRows, behind, count, behind, panel, count);
    algebra.multiply({
      x: small,
      xStride: BLOCK,
      xRows: rows,
      columns: count,
      panel,
      panelRows: upTo(behind),
      panelColumns: count,
      out: sums,
      outStride: upTo(behind),
    });
    for (let row = 0; row < rows; row++) {
      const [at, from] = [row * size + first, row * upTo(behind)];
      for (let c = 0; c < behind; c++) left[at + c] = fround(left[at + c]! - sums[from + c]!);
    }
  }
}

/** V_j V_j^T of a block of rows: the block of H on the diagonal. @param out `BLOCK` x `BLOCK` */
export function diagonalSquares(band: Band, factor: Factor, j: number, out: Float32Array): void {
  const { algebra, factorRows, panel, sums, size } = band;
  const [first, columns] = [j * BLOCK, blockRows(size, j)];
  packRowsOf(band, factor, j, first);
  algebra.multiply({
    x: factorRows,
    xStride: size - first,
    xRows: columns,
    columns: size - first,
    panel,
    panelRows: upTo(columns),
    panelColumns: size - first,
    out: sums,
    outStride: BLOCK,
  });
  out.set(sums.subarray(0, columns * BLOCK));
}

/** Sum of squares of each row, in f64. */
export function rowLosses({ size }: Band, left: Float32Array, rows: number): Float64Array {
  return Float64Array.from({ length: rows }, (_, row) => {
    let sum = 0;
    for (let i = row * size; i < (row + 1) * size; i++) sum += left[i]! * left[i]!;
    return sum;
  });
}

/** The diagonal of H, undamped or not as the factor is: what encoders take for importance. */
export function squaredDiagonal(factor: Factor): Float32Array {
  const { size, values } = factor;
  const out = new Float32Array(size);
  for (let block = 0; block < blockCount(size); block++) {
    const [start, stride] = [blockStart(size, block), blockStride(size, block)];
    for (let row = 0; row < blockRows(size, block); row++) {
      const own = values.subarray(start + row * stride, start + (row + 1) * stride);
      out[block * BLOCK + row] = own.reduce((sum, v) => sum + v * v, 0);
    }
  }
  return out;
}
