/** Products of a band's rows with a factor V, and with its inverse, block of columns by block. */
import { copyFrom, BLOCK, blockCount, blockRows } from "./upper-matrix.ts";
import { upTo, type Band } from "./band.ts";
import type { Factor } from "./factor.ts";

const { fround } = Math;

/** sums = x[:, from x] times a panel that is packed already. */
export function timesPanel(
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
export function packAbove(band: Band, factor: Factor, j: number): void {
  const columns = blockRows(factor.size, j);
  for (let i = 0; i < j; i++) {
    copyFrom(factor, i, j * BLOCK, j * BLOCK + columns, band.factorRows.subarray(i * BLOCK * columns), columns);
  }
  band.algebra.packColumns(band.factorRows, columns, j * BLOCK, columns, band.panel, j * BLOCK);
}

/** Packs V[rows of block j, columns from `from` on], so that out = x V^T for that block of rows. */
export function packRowsOf(band: Band, factor: Factor, j: number, from: number): void {
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

export function diagonalBlock(factor: Factor, j: number): Float32Array {
  const rows = blockRows(factor.size, j);
  const block = new Float32Array(rows * BLOCK);
  copyFrom(factor, j, j * BLOCK, j * BLOCK + rows, block, BLOCK);
  return block;
}

const inverseBlock = ({ inverses }: Factor, j: number): Float32Array =>
  inverses.subarray(j * BLOCK * BLOCK, (j + 1) * BLOCK * BLOCK);

/** out[:, block j] = f(x[:, block j], sums) */
export function combine(band: Band, rows: number, j: number, x: Float32Array, out: Float32Array, sign: 1 | -1): void {
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
