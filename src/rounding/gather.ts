/**
 * Sums over the tokens of a calibration text: X^T X of a matrix's inputs, and Y^T X of its wanted outputs with them.
 *
 * Windows are taken one after the other, each as one product added to what was there: the sums do not depend on how many
 * windows are in memory at a time, nor on who takes which part.
 */
import { PANEL_ROWS } from "../forward/numerics/multiply.ts";
import type { Team } from "../forward/team.ts";
import type { Algebra } from "./algebra/algebra.ts";
import type { Columns } from "./column-parts.ts";
import { BLOCK, blockCount, blockRows, copyFrom, copyTo, type UpperMatrix } from "./upper-matrix.ts";

const { fround } = Math;

/** Some columns of activations, a row for each token. */
export interface TokenColumns extends Columns {
  readonly floats: Float32Array;
  /** Floats from one row to the next. */
  readonly stride: number;
}

/** The rows of each window, in order: ranges, or lists where experts see only some tokens. */
export type WindowRows = readonly ({ readonly first: number; readonly count: number } | Uint32Array)[];

/** What a member works in. */
export interface GatherRoom {
  readonly left: Float32Array;
  readonly leftTurned: Float32Array;
  readonly right: Float32Array;
  readonly rightPanel: Float32Array;
  readonly sums: Float32Array;
  readonly total: Float32Array;
}

/** @param rows tokens of a window at most */
export function makeGatherRoom(algebra: Algebra, rows: number): GatherRoom {
  return {
    left: algebra.floats(rows * BLOCK),
    leftTurned: algebra.floats(rows * BLOCK),
    right: algebra.floats(rows * BLOCK),
    rightPanel: algebra.floats(rows * BLOCK),
    sums: algebra.floats(BLOCK * BLOCK),
    total: algebra.floats(BLOCK * BLOCK),
  };
}

/** Bytes of a gather room. */
export function gatherRoomBytes(rows: number): number {
  return 4 * (4 * rows * BLOCK + 2 * BLOCK * BLOCK) + 6 * 128;
}

const countOf = (rows: WindowRows[number]): number => (rows instanceof Uint32Array ? rows.length : rows.count);

/** The columns of the rows, `BLOCK` floats apart. */
function takeColumns(
  { floats, stride, first, count }: TokenColumns,
  rows: WindowRows[number],
  out: Float32Array,
): void {
  for (let n = 0; n < countOf(rows); n++) {
    const row = rows instanceof Uint32Array ? rows[n]! : rows.first + n;
    const at = row * stride + first;
    out.set(floats.subarray(at, at + count), n * BLOCK);
  }
}

/** At most `BLOCK` of the columns, from number `start` on. */
function blockOf(columns: TokenColumns, start: number): TokenColumns {
  return { ...columns, first: columns.first + start, count: Math.min(BLOCK, columns.count - start) };
}

/** total += left^T right, over one window after the other; at most `BLOCK` columns each. */
function addWindows(
  algebra: Algebra,
  room: GatherRoom,
  windows: WindowRows,
  left: TokenColumns,
  right: TokenColumns,
): void {
  const rightColumns = Math.ceil(right.count / PANEL_ROWS) * PANEL_ROWS;
  const { sums, total } = room;
  for (const window of windows) {
    const tokens = countOf(window);
    if (tokens === 0) continue;
    takeColumns(left, window, room.left);
    takeColumns(right, window, room.right);
    algebra.transpose(room.left, BLOCK, tokens, left.count, room.leftTurned, tokens);
    algebra.packColumns(room.right, BLOCK, tokens, right.count, room.rightPanel, tokens);
    algebra.multiply({
      x: room.leftTurned,
      xStride: tokens,
      xRows: left.count,
      columns: tokens,
      panel: room.rightPanel,
      panelRows: rightColumns,
      panelColumns: tokens,
      out: sums,
      outStride: BLOCK,
    });
    for (let i = 0; i < left.count; i++)
      for (let j = i * BLOCK; j < i * BLOCK + right.count; j++) total[j] = fround(total[j]! + sums[j]!);
  }
}

/** Adds the products of each pair of columns over the windows: H += X^T X. */
export function addSquares(
  team: Team,
  algebra: Algebra,
  room: GatherRoom,
  inputs: TokenColumns,
  windows: WindowRows,
  hessian: UpperMatrix,
): void {
  const { size } = hessian;
  const blocks = blockCount(size);
  const tiles = Array.from({ length: blocks }, (_, i) =>
    Array.from({ length: blocks - i }, (__, j) => [i, i + j] as const),
  ).flat();
  team.each(tiles.length, (tile) => {
    const [i, j] = tiles[tile]!;
    const [from, to] = [j * BLOCK, j * BLOCK + blockRows(size, j)];
    copyFrom(hessian, i, from, to, room.total, BLOCK);
    addWindows(algebra, room, windows, blockOf(inputs, i * BLOCK), blockOf(inputs, from));
    copyTo(hessian, i, from, to, room.total, BLOCK);
  });
}

/** Adds the products of wanted outputs with inputs: A += Y^T X, rows of Y's columns by columns of X. */
export function addCrossProducts(
  team: Team,
  algebra: Algebra,
  room: GatherRoom,
  outputs: TokenColumns,
  inputs: TokenColumns,
  windows: WindowRows,
  cross: Float32Array,
): void {
  const [rowBlocks, columnBlocks] = [Math.ceil(outputs.count / BLOCK), Math.ceil(inputs.count / BLOCK)];
  team.each(rowBlocks * columnBlocks, (tile) => {
    const [i, j] = [Math.floor(tile / columnBlocks) * BLOCK, (tile % columnBlocks) * BLOCK];
    const [left, right] = [blockOf(outputs, i), blockOf(inputs, j)];
    const at = (row: number): number => (i + row) * inputs.count + j;
    for (let row = 0; row < left.count; row++) {
      room.total.set(cross.subarray(at(row), at(row) + right.count), row * BLOCK);
    }
    addWindows(algebra, room, windows, left, right);
    for (let row = 0; row < left.count; row++) {
      cross.set(room.total.subarray(row * BLOCK, row * BLOCK + right.count), at(row));
    }
  });
}
