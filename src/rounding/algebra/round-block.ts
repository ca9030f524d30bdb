/**
 * Rounding a block of columns one after the other, the error of each passed on to those that follow: the step that GPTQ
 * and LDLQ have in common, and coordinate descent too.
 *
 * For column j, with g the gradients, b the values before, d the diagonal and M the matrix:
 *
 *   t = b_j + g_j / d_j             the best value for the column, given all choices so far
 *   q_j = the grid's value nearest to t
 *   g_i = g_i - (q_j - b_j) M_ji    for the columns i > j of the block
 *   g_j = g_j - (q_j - b_j) d_j     what is left of it
 *
 * First rounding: b = 0, M = V with H = V V^T, d its diagonal, g = the targets times V less what earlier blocks took.
 * Descent: b = the present values, M = H of the block, d its diagonal, g the negative gradient of the loss.
 *
 * Arrays are column-major: value (column j, row r) at j * rows + r; rows are independent and a multiple of four. Every
 * operation is rounded to f32. round-block.simd.ts is the twin: a lane is a row.
 */
const { fround } = Math;

/** How a code becomes a value, given the scale s and the offset o of its group. */
export type Grid =
  /** s * code + o, codes of `least` to `greatest`. */
  | { readonly kind: "affine"; readonly least: number; readonly greatest: number }
  /** s * table[code] + o, the table rising; at least two entries. */
  | { readonly kind: "table"; readonly table: Float32Array };

export interface RoundTask {
  readonly rows: number;
  readonly columns: number;
  /** In: g. Out: what is left. */
  readonly gradients: Float32Array;
  /** b. */
  readonly base: Float32Array;
  /** M: row j begins at `j * matrixStride`. */
  readonly matrix: Float32Array;
  readonly matrixStride: number;
  readonly diagonal: Float32Array;
  /** Of each weight, s and o. */
  readonly scales: Float32Array;
  readonly offsets: Float32Array;
  readonly grid: Grid;
  /** Receives q. */
  readonly values: Float32Array;
  /** Receives the codes, as signed bytes. */
  readonly codes: Uint8Array;
}

/** Adding and subtracting this rounds an f32 below 2^22 to the nearest integer, ties to even. */
const ROUNDER = 12582912;

/** The code nearest to t. A scale of 0 has one value only: code 0, or the least. */
function nearestCode(grid: Grid, t: number, scale: number, offset: number): number {
  if (scale === 0) return grid.kind === "table" ? 0 : Math.max(grid.least, Math.min(grid.greatest, 0));
  const u = fround(fround(t - offset) / scale);
  if (grid.kind === "affine") {
    const bounded = Math.min(grid.greatest, Math.max(grid.least, u));
    return fround(fround(bounded + ROUNDER) - ROUNDER);
  }
  const { table } = grid;
  let code = 0;
  for (let k = 1; k < table.length; k++) if (fround(table[k - 1]! + table[k]!) < fround(2 * u)) code = k;
  return code;
}

export function roundBlock(task: RoundTask): void {
  const { rows, columns, gradients, base, matrix, matrixStride, diagonal, scales, offsets, grid, values, codes } = task;
  for (let r = 0; r < rows; r++) {
    for (let j = 0; j < columns; j++) {
      const at = j * rows + r;
      const t = fround(base[at]! + fround(gradients[at]! / diagonal[j]!));
      const code = nearestCode(grid, t, scales[at]!, offsets[at]!);
      const level = grid.kind === "table" ? grid.table[code]! : code;
      const value = fround(fround(scales[at]! * level) + offsets[at]!);
      const change = fround(value - base[at]!);
      for (let i = j + 1; i < columns; i++) {
        const next = i * rows + r;
        gradients[next] = fround(gradients[next]! - fround(change * matrix[j * matrixStride + i]!));
      }
      gradients[at] = fround(gradients[at]! - fround(change * diagonal[j]!));
      values[at] = value;
      codes[at] = code;
    }
  }
}
