/** Rounding with feedback, and descent: each column is rounded for what the columns before it left. */
import { BLOCK, blockCount, blockRows } from "./upper-matrix.ts";
import { putColumns, takeColumns, upTo, type Band, type RoundColumns } from "./band.ts";
import type { Factor } from "./factor.ts";
import { combine, diagonalBlock, packAbove, packRowsOf, timesPanel } from "./factor-products.ts";

const { fround } = Math;

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
