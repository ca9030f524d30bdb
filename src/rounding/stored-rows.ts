/** Some columns of some rows of a stored matrix: read as floats or as encoded blocks, and put back. */
import { rowBytes } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import type { Layout } from "../../layouts/layout.ts";
import { pack, unpack } from "../../layouts/pack.ts";
import { findLayout } from "../../layouts/registry.ts";
import { matrixForm, readMatrixRows, tileRows, type Workbench } from "../forward/projections.ts";
import type { Matrix } from "../forward/weights.ts";
import { writeAll } from "../write/write-all.ts";
import type { Columns } from "./column-parts.ts";

/** Rows of a slice of a matrix. */
export interface RowRange {
  readonly matrix: Matrix;
  readonly slice: number;
  readonly start: number;
  readonly count: number;
}

/** @param out `count` rows of `columns.count` */
export function readFloats(
  bench: Workbench,
  { matrix, slice, start, count }: RowRange,
  columns: Columns,
  out: Float32Array,
): void {
  const form = matrixForm(matrix, slice, "float");
  const step = tileRows(matrix.columns);
  for (let row = 0; row < count; row += step) {
    const here = Math.min(step, count - row);
    const values = bench.numerics.decodeRows(form, here, (bytes) =>
      readMatrixRows(bench, matrix, slice, start + row, start + row + here, bytes),
    );
    for (let n = 0; n < here; n++) {
      const from = n * matrix.columns + columns.first;
      out.set(values.subarray(from, from + columns.count), (row + n) * columns.count);
    }
  }
}

/** Rows as they are stored, and in row order. */
export interface StoredRows {
  readonly range: RowRange;
  readonly layout: Layout;
  readonly bytesPerRow: number;
  readonly stored: Uint8Array;
  readonly rows: Uint8Array;
}

export function readRows(bench: Workbench, range: RowRange): StoredRows {
  const { matrix, slice, start, count } = range;
  const format = findFormat(matrix.tensor.codec)!;
  const layout = findLayout(format, matrix.tensor.layout)!;
  const bytesPerRow = rowBytes(format, matrix.columns);
  const stored = new Uint8Array(count * bytesPerRow);
  readMatrixRows(bench, matrix, slice, start, start + count, stored);
  if (layout.name === "rows") return { range, layout, bytesPerRow, stored, rows: stored };
  const rows = new Uint8Array(stored.length);
  unpack(layout, stored, rows, count, bytesPerRow);
  return { range, layout, bytesPerRow, stored, rows };
}

/** Writes rows where they belong: the tensor is one run of bytes of a file. @param fds of the model's files */
export function writeRows(fds: readonly number[], { range, layout, bytesPerRow, stored, rows }: StoredRows): void {
  const { matrix, slice, start } = range;
  if (layout.name !== "rows") pack(layout, rows, stored, range.count, bytesPerRow);
  const { tensor, firstRow } = matrix;
  const [extent] = tensor.extents;
  const row = slice * (tensor.shape[1] ?? 1) + firstRow + start;
  writeAll(fds[extent!.file]!, stored, extent!.byteOffset + row * bytesPerRow);
}

/** Blocks of some columns, the rows one after the other. */
export function takeBlocks({ range, bytesPerRow, rows }: StoredRows, columns: Columns, out: Uint8Array): void {
  const { at, length } = blocksAt(range, columns);
  for (let row = 0; row < range.count; row++) {
    out.set(rows.subarray(row * bytesPerRow + at, row * bytesPerRow + at + length), row * length);
  }
}

/** The inverse of `takeBlocks`. */
export function putBlocks({ range, bytesPerRow, rows }: StoredRows, columns: Columns, blocks: Uint8Array): void {
  const { at, length } = blocksAt(range, columns);
  for (let row = 0; row < range.count; row++) {
    rows.set(blocks.subarray(row * length, (row + 1) * length), row * bytesPerRow + at);
  }
}

function blocksAt({ matrix }: RowRange, columns: Columns): { at: number; length: number } {
  const format = findFormat(matrix.tensor.codec)!;
  return { at: rowBytes(format, columns.first), length: rowBytes(format, columns.count) };
}
