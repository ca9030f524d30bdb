/**
 * Sums over the tokens of a calibration text: X^T X of a matrix's inputs, and Y^T X of its wanted outputs with them.
 *
 * Windows are taken one after the other, each as one product added to what was there: the sums do not depend on how many
 * windows are in memory at a time, nor on who takes which part.
 */
import { PANEL_ROWS } from "../forward/numerics/multiply.ts";
import type { Team } from "../forward/team.ts";
import type { Algebra } from "./algebra/algebra.ts";
import { BLOCK, blockCount, blockRows, copyFrom, copyTo, type UpperMatrix } from "./upper-matrix.ts";

const { fround } = Math;

/** Rows of activations, one for each token. */
export interface TokenRows {
  readonly floats: Float32Array;
  /** Floats of a row. */
  readonly length: number;
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

/** Columns `[start, start + count)` of the rows, `BLOCK` floats apart. */
function takeColumns(
  { floats, length }: TokenRows,
  rows: WindowRows[number],
  start: number,
  count: number,
  out: Float32Array,
): void {
  for (let n = 0; n < countOf(rows); n++) {
    const row = rows instanceof Uint32Array ? rows[n]! : rows.first + n;
    const at = row * length + start;
    out.set(floats.subarray(at, at + count), n * BLOCK);
  }
}

/** total += left[:, block]^T right[:, block], over one window after the other. */
function addWindows(
  algebra: Algebra,
  room: GatherRoom,
  windows: WindowRows,
  left: { readonly rows: TokenRows; readonly start: number; readonly count: number },
  right: { readonly rows: TokenRows; readonly start: number; readonly count: number },
): void {
  const rightColumns = Math.ceil(right.count / PANEL_ROWS) * PANEL_ROWS;
  for (const window of windows) {
    const tokens = countOf(window);
    if (tokens === 0) continue;
    takeColumns(left.rows, window, left.start, left.count, room.left);
    takeColumns(right.rows, window, right.start, right.count, room.right);
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
      out: room.sums,
      outStride: BLOCK,
    });
    for (let i = 0; i < left.count; i++)
      for (let j = i * BLOCK; j < i * BLOCK + right.count; j++) room.total[j] = fround(room.total[j]! + room.sums[j]!);
  }
}

/** Adds the products of each pair of columns over the windows: H += X^T X. */
export function addSquares(
  team: Team,
  algebra: Algebra,
  room: GatherRoom,
  inputs: TokenRows,
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
    const columns = (block: number) => ({ rows: inputs, start: block * BLOCK, count: blockRows(size, block) });
    addWindows(algebra, room, windows, columns(i), columns(j));
    copyTo(hessian, i, from, to, room.total, BLOCK);
  });
}

/** Adds the products of wanted outputs with inputs: A += Y^T X, rows of Y's columns by columns of X. */
export function addCrossProducts(
  team: Team,
  algebra: Algebra,
  room: GatherRoom,
  outputs: TokenRows,
  inputs: TokenRows,
  windows: WindowRows,
  cross: Float32Array,
): void {
  const [rowBlocks, columnBlocks] = [Math.ceil(outputs.length / BLOCK), Math.ceil(inputs.length / BLOCK)];
  team.each(rowBlocks * columnBlocks, (tile) => {
    const [i, j] = [Math.floor(tile / columnBlocks) * BLOCK, (tile % columnBlocks) * BLOCK];
    const [rows, columns] = [Math.min(BLOCK, outputs.length - i), Math.min(BLOCK, inputs.length - j)];
    const at = (row: number): number => (i + row) * inputs.length + j;
    for (let row = 0; row < rows; row++) room.total.set(cross.subarray(at(row), at(row) + columns), row * BLOCK);
    addWindows(
      algebra,
      room,
      windows,
      { rows: outputs, start: i, count: rows },
      { rows: inputs, start: j, count: columns },
    );
    for (let row = 0; row < rows; row++) cross.set(room.total.subarray(row * BLOCK, row * BLOCK + columns), at(row));
  });
}
