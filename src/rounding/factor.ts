/**
 * The factor that feedback works with: H + damping = V V^T, V upper triangular (a Cholesky factorisation from the last
 * column to the first). Then the loss of rounding a row w to q is |(w - q) V|^2, and the part of it that column j decides
 * depends on the columns up to j alone: no inverse is needed.
 *
 * Blocked, in place; diagonal blocks are factorised in f64 by one member, all else are products in f32.
 */
import { PANEL_ROWS } from "../forward/numerics/multiply.ts";
import type { Team } from "../forward/team.ts";
import type { Algebra } from "./algebra/algebra.ts";
import {
  BLOCK,
  blockCount,
  blockRows,
  blockStart,
  blockStride,
  copyFrom,
  copyTo,
  type UpperMatrix,
} from "./upper-matrix.ts";

/** A pivot below this part of the mean of the diagonal is taken for that: the matrix was not positive in f32. */
const LEAST_PIVOT = 1e-7;

/** A factor, and the inverses of its diagonal blocks. */
export interface Factor extends UpperMatrix {
  /** Of each block, `BLOCK` x `BLOCK`, upper triangular. */
  readonly inverses: Float32Array;
}

/** What a member works in. */
export interface FactorRoom {
  readonly rows: Float32Array;
  readonly panelRows: Float32Array;
  readonly panel: Float32Array;
  readonly tile: Float32Array;
  readonly sums: Float32Array;
}

export function makeFactorRoom(algebra: Algebra, size: number): FactorRoom {
  const most = BLOCK * Math.max(size, BLOCK);
  return {
    rows: algebra.floats(most),
    panelRows: algebra.floats(most),
    panel: algebra.floats(most),
    tile: algebra.floats(BLOCK * BLOCK),
    sums: algebra.floats(BLOCK * BLOCK),
  };
}

export function factorRoomBytes(size: number): number {
  return 4 * (3 * BLOCK * Math.max(size, BLOCK) + 2 * BLOCK * BLOCK) + 5 * 128;
}

const { fround } = Math;

/** Makes `matrix` its factor, in place. Steps of the whole team. */
export function factorize(team: Team, algebra: Algebra, room: FactorRoom, matrix: Factor): void {
  const { size } = matrix;
  const least = LEAST_PIVOT * meanDiagonal(matrix);
  for (let j = blockCount(size) - 1; j >= 0; j--) {
    const [first, rows] = [j * BLOCK, blockRows(size, j)];
    const behind = first + rows;
    const later = size - behind;
    const panelRows = Math.ceil(rows / PANEL_ROWS) * PANEL_ROWS;
    if (later > 0) {
      let isPacked = false;
      team.each(j + 1, (i) => {
        if (!isPacked) {
          copyFrom(matrix, j, behind, size, room.panelRows, later);
          algebra.packPanel(room.panelRows, later, rows, later, room.panel);
          isPacked = true;
        }
        const own = blockRows(size, i);
        copyFrom(matrix, i, behind, size, room.rows, later);
        copyFrom(matrix, i, first, behind, room.tile, BLOCK);
        algebra.multiply({
          x: room.rows,
          xStride: later,
          xRows: own,
          columns: later,
          panel: room.panel,
          panelRows,
          panelColumns: later,
          out: room.sums,
          outStride: BLOCK,
        });
        subtract(room.tile, room.sums, own, rows);
        copyTo(matrix, i, first, behind, room.tile, BLOCK);
      });
    }
    team.once(() => factorizeDiagonal(matrix, j, least));
    if (j === 0) return;
    // V_ij = T_ij V_jj^-T
    let isPacked = false;
    team.each(j, (i) => {
      if (!isPacked) {
        room.panelRows.set(matrix.inverses.subarray(j * BLOCK * BLOCK, (j + 1) * BLOCK * BLOCK));
        algebra.packPanel(room.panelRows, BLOCK, rows, rows, room.panel);
        isPacked = true;
      }
      copyFrom(matrix, i, first, behind, room.tile, BLOCK);
      algebra.multiply({
        x: room.tile,
        xStride: BLOCK,
        xRows: blockRows(size, i),
        columns: rows,
        panel: room.panel,
        panelRows,
        panelColumns: rows,
        out: room.sums,
        outStride: BLOCK,
      });
      copyTo(matrix, i, first, behind, room.sums, BLOCK);
    });
  }
}

function subtract(tile: Float32Array, sums: Float32Array, rows: number, columns: number): void {
  for (let row = 0; row < rows; row++)
    for (let at = row * BLOCK; at < row * BLOCK + columns; at++) tile[at] = fround(tile[at]! - sums[at]!);
}

/** Mean of the diagonal. */
export function meanDiagonal({ size, values }: UpperMatrix): number {
  let sum = 0;
  for (let block = 0; block < blockCount(size); block++) {
    const [start, stride] = [blockStart(size, block), blockStride(size, block)];
    for (let row = 0; row < blockRows(size, block); row++) sum += values[start + row * (stride + 1)]!;
  }
  return sum / size;
}

/** A diagonal block becomes its factor, zero below the diagonal; its inverse is kept. */
function factorizeDiagonal(matrix: Factor, block: number, least: number): void {
  const rows = blockRows(matrix.size, block);
  const packed = new Float32Array(BLOCK * BLOCK);
  copyFrom(matrix, block, block * BLOCK, block * BLOCK + rows, packed, BLOCK);
  const v = Float64Array.from(packed);
  for (let j = rows - 1; j >= 0; j--) {
    for (let i = 0; i <= j; i++) {
      let sum = v[i * BLOCK + j]!;
      for (let k = j + 1; k < rows; k++) sum -= v[i * BLOCK + k]! * v[j * BLOCK + k]!;
      v[i * BLOCK + j] = sum;
    }
    const pivot = Math.sqrt(Math.max(v[j * BLOCK + j]!, least));
    for (let i = 0; i < j; i++) v[i * BLOCK + j]! /= pivot;
    v[j * BLOCK + j] = pivot;
    for (let i = j + 1; i < rows; i++) v[i * BLOCK + j] = 0;
  }
  copyTo(matrix, block, block * BLOCK, block * BLOCK + rows, Float32Array.from(v), BLOCK);
  const inverse = new Float64Array(BLOCK * BLOCK);
  for (let column = 0; column < rows; column++) {
    for (let row = column; row >= 0; row--) {
      let sum = row === column ? 1 : 0;
      for (let k = row + 1; k <= column; k++) sum -= v[row * BLOCK + k]! * inverse[k * BLOCK + column]!;
      inverse[row * BLOCK + column] = sum / v[row * BLOCK + row]!;
    }
  }
  matrix.inverses.set(Float32Array.from(inverse), block * BLOCK * BLOCK);
}

/** Floats of the inverses of a factor of that size. */
export function inversesLength(size: number): number {
  return blockCount(size) * BLOCK * BLOCK;
}

/**
 * What is added to the diagonal, for so many tokens for each column: 1% of its mean from 16 on, 10% up to 4, in between
 * along two straight lines; 1 where there was nothing at all.
 */
export function dampingFor(matrix: UpperMatrix, ratio: number): number {
  const mean = meanDiagonal(matrix);
  return mean > 0 ? fround(mean * dampingPart(ratio)) : 1;
}

/** Adds damping to the diagonal. */
export function damp(matrix: UpperMatrix, added: number): void {
  const { size, values } = matrix;
  for (let block = 0; block < blockCount(size); block++) {
    const [start, stride] = [blockStart(size, block), blockStride(size, block)];
    for (let row = 0; row < blockRows(size, block); row++) {
      const at = start + row * (stride + 1);
      values[at] = fround(values[at]! + added);
    }
  }
}

/** Damping as a part of the mean diagonal, by tokens for each column. */
function dampingPart(ratio: number): number {
  if (ratio >= 16) return 0.01;
  if (ratio <= 4) return 0.1;
  // 4, 8, 16 tokens a column: 10%, 3.2%, 1%
  return ratio >= 8 ? 0.0316 + (0.01 - 0.0316) * (ratio / 8 - 1) : 0.1 + (0.0316 - 0.1) * (ratio / 4 - 1);
}
