/** Slices of matrices, rounded band by band: read from source and file, rounded, written back. */
import { rowBytes } from "../../codecs/codec.ts";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { unbiasFactor } from "../fit/unbias-levels.ts";
import type { Matrix } from "../forward/weights.ts";
import { bandOf } from "./band.ts";
import { BAND_NUMBERS, DAMPING, MATRIX_STATS, MOST_BAND_ROWS, rowsOfBand, SUMS, TOKENS } from "./bench.ts";
import type { RoundingBench } from "./bench.ts";
import type { Columns } from "./column-parts.ts";
import type { Factor } from "./factor.ts";
import { diagonalSquares } from "./feedback.ts";
import { codebookRounder, type CodebookRounder } from "./round-codebook-rows.ts";
import { roundRows } from "./round-rows.ts";
import { uniformRounder } from "./round-uniform.ts";
import type { RowRounder } from "./row-rounder.ts";
import { putBlocks, readFloats, readRows, takeBlocks, writeRows } from "./stored-rows.ts";
import { solveTargets, type Targets } from "./targets.ts";
import { BLOCK, blockCount, rowSquares } from "./upper-matrix.ts";

/** The same matrix in the float model and in the file in the making. */
export interface MatrixPair {
  readonly source: Matrix;
  readonly result: Matrix;
}

/** What is rounded at a time: some columns of a slice. */
export interface SlicePart {
  readonly slice: number;
  readonly columns: Columns;
}

export interface RoundingFacts {
  /** Tokens that came to the slice. */
  readonly tokens: number;
  /** What was added to the diagonal of H. */
  readonly damping: number;
  /** Absent: the weights themselves. */
  readonly targets?: Targets;
}

function rounderOf(bench: RoundingBench, { tensor }: Matrix, slice: number): RowRounder {
  const { algebra, pool, setup, rounders } = bench;
  const format = findFormat(tensor.codec)!;
  const known = rounders.get(format.name);
  if (!isCodebookFormat(format)) {
    const rounder = known ?? uniformRounder(algebra, format, MOST_BAND_ROWS);
    rounders.set(format.name, rounder);
    return rounder;
  }
  const rounder =
    (known as CodebookRounder | undefined) ??
    codebookRounder(algebra, format, MOST_BAND_ROWS, pool.weights.length, setup.candidates);
  rounders.set(format.name, rounder);
  rounder.use(tensor.codebooks![slice]!);
  return rounder;
}

/** Rounds part of a slice; a step of the whole team. */
export function roundMatrix(
  bench: RoundingBench,
  { source, result }: MatrixPair,
  { slice, columns }: SlicePart,
  factor: Factor,
  { tokens, damping, targets }: RoundingFacts,
): void {
  const { setup, team, pool } = bench;
  const size = columns.count;
  const bandRows = rowsOfBand(size);
  const bands = Math.ceil(source.rows / bandRows);
  const rounder = rounderOf(bench, result, slice);
  const importance = bench.importance.subarray(0, size);
  importance.set(rowSquares(factor));

  if (setup.descents > 0) {
    team.each(blockCount(size), (j) => {
      const band = bandOf(pool, bandRows, size);
      diagonalSquares(band, factor, j, setup.squares.subarray(j * BLOCK * BLOCK, (j + 1) * BLOCK * BLOCK));
    });
  }
  const blockBytes = bandRows * rowBytes(findFormat(result.tensor.codec)!, size);
  team.each(bands, (index) => {
    const start = index * bandRows;
    const rows = Math.min(bandRows, source.rows - start);
    const band = bandOf(pool, bandRows, size);
    const { floats } = band;
    floats.fill(0, rows * size);
    readFloats(bench.source, { matrix: source, slice, start, count: rows }, columns, floats);
    const [blocks, fresh] = [bench.blocks.subarray(0, blockBytes), bench.fresh.subarray(0, blockBytes)];
    const stored = readRows(bench.result, { matrix: result, slice, start, count: rows });
    blocks.fill(0);
    takeBlocks(stored, columns, blocks);
    const outcome = roundRows(band, factor, rounder, floats, {
      rows,
      importance,
      damping,
      descents: setup.descents,
      squares: setup.squares,
      blocks,
      fresh,
      ...(targets && { solveTargets: () => solveTargets(band, factor, targets, start, rows, floats, damping) }),
    });
    putBlocks(stored, columns, blocks);
    writeRows(bench.outputs, stored);
    const { error, energy, plainError, plainRows, sums } = outcome;
    setup.bandStats.set([error, energy, plainError, plainRows, ...sums], index * BAND_NUMBERS.length);
  });
  team.once(() => {
    const all = setup.stats.get(source.tensor.name)!;
    const stats = all.subarray(slice * MATRIX_STATS, (slice + 1) * MATRIX_STATS);
    for (let index = 0; index < bands; index++) {
      for (const [place, number] of BAND_NUMBERS.entries()) {
        stats[number]! += setup.bandStats[index * BAND_NUMBERS.length + place]!;
      }
    }
    stats[TOKENS] = tokens;
    stats[DAMPING] = Math.max(stats[DAMPING]!, damping);
  });
}

/** Takes the bias out of a slice's levels, once all its parts are rounded; a step of the whole team. */
export function unbiasSlice({ setup, team }: RoundingBench, { source, result }: MatrixPair, slice: number): void {
  team.once(() => {
    const levels = result.tensor.codebooks?.[slice]?.levels;
    if (levels === undefined) return;
    const sums = setup.stats.get(source.tensor.name)!.subarray(slice * MATRIX_STATS + SUMS, (slice + 1) * MATRIX_STATS);
    const factor = unbiasFactor(sums);
    // Levels lie on memory that all threads, and the file's header, read.
    for (let i = 0; i < levels.length; i++) levels[i]! *= factor;
  });
}
