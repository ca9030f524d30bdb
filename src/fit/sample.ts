/**
 * Which weights of a tensor the fit looks at: runs of whole groups, spread evenly over the rows, each run at its own
 * place along the row. Pure and deterministic, by position only, so that a worker reads them without the rest.
 */
import type { Effort } from "../../codecs/codec.ts";

/** Groups for each table: those that are read, and those of them that the fit works on; at least so many in all. */
const SAMPLED: Readonly<Record<Effort, number>> = { fast: 256, normal: 512, best: 512 };
const FITTED: Readonly<Record<Effort, number>> = { fast: 64, normal: 128, best: 256 };
const MIN_SAMPLED = 8192;
const MIN_FITTED = 8192;

/** Groups in the sample for a number of tables. */
export function sampledGroups(tables: number, effort: Effort): number {
  return Math.max(MIN_SAMPLED, tables * SAMPLED[effort]);
}

/** Groups of the sample that a fit works on, at most; see choose-groups.ts. */
export function fittedGroups(tables: number, effort: Effort): number {
  return Math.max(MIN_FITTED, tables * FITTED[effort]);
}

/** A run of weights of one row. */
export interface SampleRun {
  readonly row: number;
  /** First column; a multiple of the group size. */
  readonly startColumn: number;
  /** Columns; a multiple of the group size. */
  readonly columnCount: number;
}

/**
 * Groups that are read together: so that a run is a few hundred bytes at least, and so that no more runs are read than
 * say anything about the spread of rows, since each of them costs the reading of a row.
 */
const RUN_GROUPS = 8;
const MOST_RUNS = 2048;

/**
 * @param rows rows of the matrix (one slice)
 * @param rowLength weights per row, a multiple of `groupSize`
 * @param groupLimit about how many groups to sample; a matrix with no more groups is taken whole
 * @returns runs in ascending order of rows, then columns
 */
export function planSample(rows: number, rowLength: number, groupSize: number, groupLimit: number): SampleRun[] {
  const groupsPerRow = rowLength / groupSize;
  if (rows * groupsPerRow <= groupLimit) {
    return Array.from({ length: rows }, (_, row) => ({ row, startColumn: 0, columnCount: rowLength }));
  }
  const runGroups = Math.min(Math.max(RUN_GROUPS, Math.ceil(groupLimit / MOST_RUNS)), groupsPerRow);
  const runCount = Math.max(1, Math.floor(groupLimit / runGroups));
  const places = Math.floor(groupsPerRow / runGroups);
  const runs: SampleRun[] = [];
  const taken = new Set<number>();
  for (let i = 0; i < runCount; i++) {
    const row = Math.floor((i * rows) / runCount);
    // Runs of one row walk on from a start that differs from row to row (multiples of the golden ratio spread evenly).
    const place = Math.floor((((i * 0.6180339887498949) % 1) * places) % places);
    const startColumn = place * runGroups * groupSize;
    if (taken.has(row * rowLength + startColumn)) continue;
    taken.add(row * rowLength + startColumn);
    runs.push({ row, startColumn, columnCount: runGroups * groupSize });
  }
  return runs.sort((a, b) => a.row - b.row || a.startColumn - b.startColumn);
}

/** Weights in a sample. */
export function sampleLength(runs: readonly SampleRun[]): number {
  return runs.reduce((sum, run) => sum + run.columnCount, 0);
}
