/** A slice of a matrix, rounded band by band: read from source and file, rounded, written back. */
import { rowBytes } from "../../codecs/codec.ts";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { findLayout } from "../../layouts/registry.ts";
import { pack, unpack } from "../../layouts/pack.ts";
import { PANEL_ROWS } from "../forward/numerics/multiply.ts";
import { matrixForm, readMatrixRows } from "../forward/projections.ts";
import type { Matrix } from "../forward/weights.ts";
import { unbiasFactor } from "../fit/unbias-levels.ts";
import { writeAll } from "../write/write-all.ts";
import { bandOf, diagonalSquares, solve, solveTurned, squaredDiagonal, type Band } from "./band.ts";
import {
  DAMPING,
  ENERGY,
  ERROR,
  MATRIX_STATS,
  PLAIN_ERROR,
  PLAIN_ROWS,
  MOST_BAND_ROWS,
  rowsOfBand,
  TOKENS,
} from "./bench.ts";
import type { CalibrationBench } from "./bench.ts";
import type { Factor } from "./factor.ts";
import { codebookRounder, type CodebookRounder } from "./round-codebook-rows.ts";
import { roundRows } from "./round-rows.ts";
import { uniformRounder } from "./round-uniform.ts";
import type { RowRounder } from "./row-rounder.ts";
import { BLOCK, blockCount, blockRows } from "./upper-matrix.ts";

const { fround } = Math;

/** Numbers kept of each band: errors, energy, plain errors and rows, then sums over weights. */
export const BAND_STATS = 7;

/** The same matrix in the float model and in the file in the making. */
export interface MatrixTask {
  readonly source: Matrix;
  readonly result: Matrix;
}

/** What targets other than the weights are made from. */
export interface Targets {
  /** Products of wanted outputs with inputs; or of float inputs with inputs, which the weights turn into these. */
  readonly values: Float32Array;
  readonly isOfOutputs: boolean;
  readonly damping: number;
}

/** Rounders of a member, by codec: they have memory of their own. */
const rounders = new WeakMap<CalibrationBench, Map<string, RowRounder>>();

function rounderOf(bench: CalibrationBench, { tensor }: Matrix, slice: number): RowRounder {
  const { algebra, pool, setup } = bench;
  const known = rounders.get(bench) ?? new Map<string, RowRounder>();
  rounders.set(bench, known);
  const format = findFormat(tensor.codec)!;
  const [rows, weights] = [MOST_BAND_ROWS, pool.weights.length];
  if (!isCodebookFormat(format)) {
    const rounder = known.get(format.name) ?? uniformRounder(algebra, format, rows);
    known.set(format.name, rounder);
    return rounder;
  }
  const rounder =
    (known.get(format.name) as CodebookRounder | undefined) ??
    codebookRounder(algebra, format, rows, weights, setup.candidates);
  known.set(format.name, rounder);
  rounder.use(tensor.codebooks![slice]!);
  return rounder;
}

/** Rounds one slice; a step of the whole team. */
export function roundMatrix(
  bench: CalibrationBench,
  { source, result }: MatrixTask,
  slice: number,
  factor: Factor,
  facts: { readonly tokens: number; readonly damping: number; readonly targets?: Targets },
): void {
  const { setup, team, pool } = bench;
  const size = source.columns;
  const bandRows = rowsOfBand(size);
  const bands = Math.ceil(source.rows / bandRows);
  const format = findFormat(result.tensor.codec)!;
  const rounder = rounderOf(bench, result, slice);
  const layout = findLayout(format, result.tensor.layout)!;
  const bytesPerRow = rowBytes(format, size);
  const importance = algebraImportance(bench, factor);

  if (setup.descents > 0) {
    team.each(blockCount(size), (j) => {
      const band = bandOf(pool, bandRows, size);
      diagonalSquares(band, factor, j, setup.squares.subarray(j * BLOCK * BLOCK, (j + 1) * BLOCK * BLOCK));
    });
  }
  const room = roomOf(bench, bandRows * bytesPerRow);
  team.each(bands, (index) => {
    const start = index * bandRows;
    const rows = Math.min(bandRows, source.rows - start);
    const band = bandOf(pool, bandRows, size);
    const floats = new Float32Array(bandRows * size);
    readFloats(bench, source, slice, start, rows, floats);
    const blocks = room.blocks.subarray(0, bandRows * bytesPerRow);
    const fresh = room.fresh.subarray(0, bandRows * bytesPerRow);
    blocks.fill(0);
    const stored = new Uint8Array(rows * bytesPerRow);
    readMatrixRows(bench.result, result, slice, start, start + rows, stored);
    unpack(layout, stored, blocks, rows, bytesPerRow);
    const { targets } = facts;
    const outcome = roundRows(band, factor, rounder, {
      rows,
      floats,
      importance,
      descents: setup.descents,
      squares: setup.squares,
      blocks,
      fresh,
      ...(targets && { solveTargets: (own: Band) => solveTargets(own, factor, targets, start, rows, floats) }),
    });
    pack(layout, blocks, stored, rows, bytesPerRow);
    writeRows(bench, result, slice, start, bytesPerRow, stored);
    const { error, energy, plainError, plainRows, sums } = outcome;
    setup.bandStats.set([error, energy, plainError, plainRows, ...sums], index * BAND_STATS);
  });
  team.once(() => {
    const stats = setup.stats.get(source.tensor.name)!.subarray(slice * MATRIX_STATS, (slice + 1) * MATRIX_STATS);
    stats.fill(0);
    for (let index = 0; index < bands; index++) {
      for (const [place, number] of [ERROR, ENERGY, PLAIN_ERROR, PLAIN_ROWS].entries()) {
        stats[number]! += setup.bandStats[index * BAND_STATS + place]!;
      }
    }
    const sums = [0, 1, 2].map((place) => {
      let sum = 0;
      for (let index = 0; index < bands; index++) sum += setup.bandStats[index * BAND_STATS + 4 + place]!;
      return sum;
    });
    const book = result.tensor.codebooks?.[slice];
    if (book !== undefined) {
      // Levels lie on memory that all threads, and the file's header, read.
      const factor = unbiasFactor(sums);
      for (let i = 0; i < book.levels.length; i++) book.levels[i]! *= factor;
    }
    stats[TOKENS] = facts.tokens;
    stats[DAMPING] = facts.damping;
  });
}

const importances = new WeakMap<CalibrationBench, Float32Array>();

/** The diagonal of H in the algebra's memory. */
function algebraImportance(bench: CalibrationBench, factor: Factor): Float32Array {
  const longest = bench.pool.factorRows.length / BLOCK;
  const kept = importances.get(bench) ?? bench.algebra.floats(longest);
  importances.set(bench, kept);
  const own = kept.subarray(0, factor.size);
  own.set(squaredDiagonal(factor));
  return own;
}

const rooms = new WeakMap<CalibrationBench, { blocks: Uint8Array; fresh: Uint8Array }>();

/** Two bands of encoded blocks in the algebra's memory. */
function roomOf(bench: CalibrationBench, byteLength: number): { blocks: Uint8Array; fresh: Uint8Array } {
  const known = rooms.get(bench);
  if (known !== undefined) return known;
  const most = Math.max(byteLength, 2 * bench.pool.weights.length);
  const made = { blocks: bench.algebra.bytes(most), fresh: bench.algebra.bytes(most) };
  rooms.set(bench, made);
  return made;
}

/** Float weights of some rows. */
function readFloats(
  bench: CalibrationBench,
  matrix: Matrix,
  slice: number,
  start: number,
  rows: number,
  out: Float32Array,
): void {
  const { numerics } = bench.source;
  const form = matrixForm(matrix, slice, "float");
  const step = form.layout.rowsPerGroup * Math.max(1, Math.floor(16 / form.layout.rowsPerGroup));
  for (let row = 0; row < rows; row += step) {
    const count = Math.min(step, rows - row);
    const values = numerics.decodeRows(form, count, (bytes) =>
      readMatrixRows(bench.source, matrix, slice, start + row, start + row + count, bytes),
    );
    out.set(values, row * matrix.columns);
  }
}

/** Writes rows where they belong: the tensor is one run of bytes of an output file. */
function writeRows(
  bench: CalibrationBench,
  { tensor, firstRow }: Matrix,
  slice: number,
  start: number,
  bytesPerRow: number,
  bytes: Uint8Array,
): void {
  const [extent] = tensor.extents;
  const row = slice * (tensor.shape[1] ?? 1) + firstRow + start;
  writeAll(bench.outputs[extent!.file]!, bytes, extent!.byteOffset + row * bytesPerRow);
}

/**
 * Targets: the weights w with w H = the products that are wanted, damped towards the float weights. `wanted` becomes w V,
 * `weights` becomes w.
 */
function solveTargets(
  band: Band,
  factor: Factor,
  targets: Targets,
  start: number,
  rows: number,
  floats: Float32Array,
): void {
  const { size, wanted, algebra, panel, factorRows, sums } = band;
  const { values, isOfOutputs, damping } = targets;
  if (isOfOutputs) {
    wanted.fill(0);
    wanted.set(values.subarray(start * size, (start + rows) * size));
  } else {
    // (float inputs)^T inputs, multiplied with the float weights.
    for (let j = 0; j < blockCount(size); j++) {
      const columns = blockRows(size, j);
      for (let k = 0; k < size; k++) {
        const at = k * size + j * BLOCK;
        factorRows.set(values.subarray(at, at + columns), k * columns);
      }
      algebra.packColumns(factorRows, columns, size, columns, panel, size);
      const outStride = Math.ceil(columns / PANEL_ROWS) * PANEL_ROWS;
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
        wanted.set(sums.subarray(row * outStride, row * outStride + columns), row * size + j * BLOCK);
      }
    }
  }
  for (let i = 0; i < wanted.length; i++) wanted[i] = fround(wanted[i]! + fround(damping * floats[i]!));
  solveTurned(band, factor, wanted, band.rows);
  solve(band, factor, wanted, band.weights, band.rows);
}
