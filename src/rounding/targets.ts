/** Targets that are not the weights: the float model's outputs, to be made from the inputs that the file in the making has. */
import type { Band } from "./band.ts";
import { upTo } from "./band.ts";
import type { Factor } from "./factor.ts";
import { solve, solveTurned } from "./factor-products.ts";
import { BLOCK, blockCount, blockRows } from "./upper-matrix.ts";

const { fround } = Math;

/** What targets are made from. */
export interface Targets {
  /** Products of wanted outputs with inputs, row by row; or of float inputs with inputs, which weights turn into these. */
  readonly values: Float32Array;
  readonly isOfOutputs: boolean;
}

/**
 * The weights w with w H = the products that are wanted, damped towards the float weights. `wanted` becomes w V,
 * `weights` becomes w.
 * @param start number of the band's first row
 * @param damping that is in the factor
 */
export function solveTargets(
  band: Band,
  factor: Factor,
  { values, isOfOutputs }: Targets,
  start: number,
  rows: number,
  floats: Float32Array,
  damping: number,
): void {
  const { size, wanted } = band;
  if (isOfOutputs) {
    wanted.fill(0);
    wanted.set(values.subarray(start * size, (start + rows) * size));
  } else timesSquare(band, values, wanted);
  for (let i = 0; i < wanted.length; i++) wanted[i] = fround(wanted[i]! + fround(damping * floats[i]!));
  solveTurned(band, factor, wanted, band.rows);
  solve(band, factor, wanted, band.weights, band.rows);
}

/** out = weights times a square matrix, row-major. */
function timesSquare(band: Band, square: Float32Array, out: Float32Array): void {
  const { size, algebra, panel, factorRows, sums } = band;
  for (let j = 0; j < blockCount(size); j++) {
    const columns = blockRows(size, j);
    for (let k = 0; k < size; k++) {
      const at = k * size + j * BLOCK;
      factorRows.set(square.subarray(at, at + columns), k * columns);
    }
    algebra.packColumns(factorRows, columns, size, columns, panel, size);
    const outStride = upTo(columns);
    algebra.multiply({
      x: band.weights,
      xStride: size,
      xRows: band.rows,
      columns: size,
      panel,
      panelRows: outStride,
      panelColumns: size,
      out: sums,
      outStride,
    });
    for (let row = 0; row < band.rows; row++) {
      out.set(sums.subarray(row * outStride, row * outStride + columns), row * size + j * BLOCK);
    }
  }
}
