/**
 * Products of activations with stored matrices, shared out among a team: a matrix is cut into tiles of some rows, whoever
 * takes a tile reads and decodes it once and multiplies it with all activation rows.
 */
import { isCodebookFormat, findFormat } from "../../codecs/registry.ts";
import { rowBytes } from "../../codecs/codec.ts";
import { findLayout } from "../../layouts/registry.ts";
import { ACTIVATION_BLOCK, type ActivationKind } from "../kernels/integer-view.ts";
import { isSuperKernel, kernelNumber } from "../kernels/kernel-numbers.ts";
import type { Model } from "../read/model.ts";
import { readTensorRows } from "../read/read-tensor.ts";
import {
  ROW_BLOCK,
  type ActivationRows,
  type MatrixForm,
  type Numerics,
  type Products,
  type RowChoice,
  type Tile,
} from "./numerics/numerics.ts";
import type { Activation } from "./numerics/row-functions.ts";
import type { Team } from "./team.ts";
import type { Matrix } from "./weights.ts";

const { fround } = Math;

/** Weights of a tile: as f32 they fill a second-level cache. */
const TILE_WEIGHTS = 2 ** 18;
/** Ends of tiles are multiples of this many rows, which every layout's groups divide. */
const TILE_ROW_MULTIPLE = 16;
const MOST_TILE_ROWS = 256;

/** Float weights as f32, or what a processor computes: integer kernels on 8-bit activations, where there are some. */
export type Arithmetic = "kernels" | "float";

/** Rows of a tile of a matrix with so many columns. */
export function tileRows(columns: number): number {
  const rows = Math.floor(TILE_WEIGHTS / columns / TILE_ROW_MULTIPLE) * TILE_ROW_MULTIPLE;
  return Math.min(MOST_TILE_ROWS, Math.max(TILE_ROW_MULTIPLE, rows));
}

/** The 8-bit activations that a format's kernel takes; undefined where products are taken in f32. */
export function activationKind(codec: string, columns: number, arithmetic: Arithmetic): ActivationKind | undefined {
  const format = findFormat(codec)!;
  const kernel = arithmetic === "float" || format.kind === "float" ? undefined : kernelNumber(format);
  if (kernel === undefined) return undefined;
  const kind = isSuperKernel(kernel) ? "q8_K" : "q8_0";
  return columns % ACTIVATION_BLOCK[kind] === 0 ? kind : undefined;
}

/** How a slice of a matrix is stored and multiplied. */
export function matrixForm({ tensor, columns }: Matrix, slice: number, arithmetic: Arithmetic): MatrixForm {
  const format = findFormat(tensor.codec);
  const layout = format && findLayout(format, tensor.layout);
  if (format === undefined || layout === undefined) {
    throw new RangeError(`${tensor.name}: unknown form ${tensor.codec}@${tensor.layout}`);
  }
  const codebook = isCodebookFormat(format) ? tensor.codebooks?.[slice] : undefined;
  return {
    format,
    layout,
    ...(codebook && { codebook }),
    columns,
    arithmetic: activationKind(tensor.codec, columns, arithmetic) ?? "float",
  };
}

/** One product to take. */
export interface Multiplication {
  readonly matrix: Matrix;
  /** Which slice, 0 but for experts. */
  readonly slice: number;
  readonly input: ActivationRows;
  readonly rows: RowChoice;
  /** Where the sums go, when not to rows of the same numbers: as many as `rows`. */
  readonly outRows?: Uint32Array;
  readonly out: Float32Array;
  /** Floats from one row of `out` to the next. */
  readonly outStride: number;
  /** f32 of each row of the matrix, added to its sums. */
  readonly bias?: Float32Array;
  /** Multiplied with what is added, before it is; absent: sums replace what is in `out`. */
  readonly addScaled?: number;
  /** Also multiply with this one, and keep activation(first) * second: `activation` says which. */
  readonly gated?: { readonly by: Multiplication; readonly activation: Activation };
  /** Keep activation(sum). */
  readonly activation?: Activation;
}

/** Where a team's member multiplies. */
export interface Workbench {
  readonly team: Team;
  readonly numerics: Numerics;
  readonly files: Model["files"];
  /** Opened by this thread. */
  readonly fds: readonly number[];
  readonly arithmetic: Arithmetic;
  /** Tiles that stay in memory, by matrix and first row; absent: none does. */
  readonly keptTiles?: Map<string, Tile>;
}

/** Reads rows `[start, end)` of a slice of a matrix as stored. */
export function readMatrixRows(
  bench: Workbench,
  { tensor, firstRow }: Matrix,
  slice: number,
  start: number,
  end: number,
  out: Uint8Array,
): void {
  const sliceRows = tensor.shape[1] ?? 1;
  const first = slice * sliceRows + firstRow;
  readTensorRows(bench.files, bench.fds, tensor, first + start, first + end, out);
}

function loadTile(bench: Workbench, { matrix, slice }: Multiplication, start: number, end: number, place: 0 | 1): Tile {
  const { numerics, arithmetic, keptTiles } = bench;
  const key = `${matrix.tensor.name}/${slice}/${matrix.firstRow + start}`;
  const kept = keptTiles?.get(key);
  if (kept !== undefined) return kept;
  const form = matrixForm(matrix, slice, arithmetic);
  const isKept = keptTiles !== undefined && numerics.hasRoomFor(form, end - start);
  const read = (bytes: Uint8Array): void => readMatrixRows(bench, matrix, slice, start, end, bytes);
  const tile = numerics.loadTile(form, end - start, isKept ? "kept" : place, read);
  if (isKept) keptTiles.set(key, tile);
  return tile;
}

const countOf = (rows: RowChoice): number => (rows instanceof Uint32Array ? rows.length : rows.count);
const someOf = (rows: RowChoice, from: number, to: number): RowChoice =>
  rows instanceof Uint32Array ? rows.subarray(from, to) : { first: rows.first + from, count: to - from };
const rowAt = (rows: RowChoice, index: number): number =>
  rows instanceof Uint32Array ? rows[index]! : rows.first + index;

/** Adds the bias to the products of `count` activation rows with weight rows from `start` on. */
function addBias(
  { bias }: Multiplication,
  { values, stride }: Products,
  count: number,
  start: number,
  rows: number,
): void {
  if (bias === undefined) return;
  for (let n = 0; n < count; n++)
    for (let r = 0; r < rows; r++) values[n * stride + r] = fround(values[n * stride + r]! + bias[start + r]!);
}

/** Puts the sums of one activation row where they belong. */
function store(out: Float32Array, at: number, sums: Float32Array, addScaled: number | undefined): void {
  if (addScaled === undefined) out.set(sums, at);
  else if (addScaled === 1) for (let r = 0; r < sums.length; r++) out[at + r] = fround(out[at + r]! + sums[r]!);
  else for (let r = 0; r < sums.length; r++) out[at + r] = fround(out[at + r]! + fround(sums[r]! * fround(addScaled)));
}

function multiplyTile(bench: Workbench, task: Multiplication, start: number, end: number): void {
  const { numerics } = bench;
  const { gated, out, outRows, outStride, addScaled } = task;
  const tile = loadTile(bench, task, start, end, 0);
  const gatedTile = gated && loadTile(bench, gated.by, start, end, 1);
  const count = countOf(task.rows);
  const rows = end - start;
  for (let from = 0; from < count; from += ROW_BLOCK) {
    const block = someOf(task.rows, from, Math.min(count, from + ROW_BLOCK));
    const here = countOf(block);
    const products = numerics.multiply(tile, task.input, block, 0);
    addBias(task, products, here, start, rows);
    if (gated !== undefined) {
      const others = numerics.multiply(gatedTile!, gated.by.input, block, 1);
      addBias(gated.by, others, here, start, rows);
      numerics.gate(gated.activation, products, others, here);
    }
    if (task.activation !== undefined) numerics.activate(task.activation, products, here);
    const { values, stride } = products;
    for (let n = 0; n < here; n++) {
      const sums = values.subarray(n * stride, n * stride + rows);
      const row = outRows?.[from + n] ?? rowAt(block, n);
      store(out, row * outStride + start, sums, addScaled);
    }
  }
}

/**
 * Takes products, a step of the whole team. Results do not depend on how tiles are shared out.
 * @param tasks whose outputs do not overlap
 */
export function multiplyAll(bench: Workbench, tasks: readonly Multiplication[]): void {
  // Tiles of experts that nobody comes to are numbered too: a tile's number is the same in every step.
  let tiles = 0;
  const parts = tasks.flatMap((task) => {
    const rows = tileRows(task.matrix.columns);
    const first = tiles;
    tiles += Math.ceil(task.matrix.rows / rows);
    if (countOf(task.rows) === 0) return [];
    return Array.from({ length: tiles - first }, (_, i) => ({ task, start: i * rows, number: first + i }));
  });
  const work = (part: number): void => {
    const { task, start } = parts[part]!;
    multiplyTile(bench, task, start, Math.min(task.matrix.rows, start + tileRows(task.matrix.columns)));
  };
  if (bench.keptTiles === undefined) bench.team.each(parts.length, work);
  else bench.team.own(parts.length, work, (part) => parts[part]!.number);
}

/** Quantizes rows of activations into the forms that the matrices multiply with, a part of a step. */
export function quantizeRows(
  bench: Workbench,
  { floats, columns, quantized }: ActivationRows,
  first: number,
  count: number,
): void {
  for (const [kind, bytes] of Object.entries(quantized) as [ActivationKind, Uint8Array][]) {
    const size = bench.numerics.quantizedRowBytes(kind, columns);
    for (let row = first; row < first + count; row++) {
      bench.numerics.quantizeRow(
        kind,
        floats.subarray(row * columns, (row + 1) * columns),
        bytes.subarray(row * size, (row + 1) * size),
      );
    }
  }
}

/** Stored bytes of the largest tile of a matrix. */
export function tileBytes({ tensor, columns }: Matrix): number {
  return tileRows(columns) * rowBytes(findFormat(tensor.codec)!, columns);
}
