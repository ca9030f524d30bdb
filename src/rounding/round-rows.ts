/**
 * Rows of a matrix, rounded against what the model computes, and for each row the better of these codes and the plain
 * ones.
 */
import { addErrorSums, ERROR_SUM_COUNT } from "../verify/error-sums.ts";
import { rowLosses, timesFactor, type Band } from "./band.ts";
import type { Factor } from "./factor.ts";
import type { RowRounder } from "./row-rounder.ts";

const { fround } = Math;

/** What became of some rows. */
export interface RowOutcome {
  /** |(w - q) V|^2 and |w V|^2, w the float weights: error and size of the outputs. */
  readonly error: number;
  readonly energy: number;
  /** The same error of the plain rows. */
  readonly plainError: number;
  /** Rows whose plain codes were as near to the targets. */
  readonly plainRows: number;
  /** Sums of (w - q)^2, w^2 and q^2. */
  readonly sums: readonly number[];
}

/**
 * Rounds the rows of a band.
 * @param floats the float weights; rows beyond `rows` are zeros
 * @param blocks in: the plain rows, encoded; out: the better ones
 * @param solveTargets makes `wanted` and `weights` from the float weights where targets are not the weights themselves
 */
export function roundRows(
  band: Band,
  factor: Factor,
  rounder: RowRounder,
  task: {
    readonly rows: number;
    readonly floats: Float32Array;
    readonly importance: Float32Array;
    readonly descents: number;
    readonly squares: Float32Array;
    readonly blocks: Uint8Array;
    readonly fresh: Uint8Array;
    readonly solveTargets?: (band: Band) => void;
  },
): RowOutcome {
  const { rows, floats, importance, descents, squares, blocks, fresh, solveTargets } = task;
  const { size } = band;
  const count = band.rows;
  band.weights.set(floats);
  if (solveTargets === undefined) timesFactor(band, factor, band.weights, band.wanted, count);
  else solveTargets(band);
  const wanted = Float32Array.from(band.wanted);

  const rowBytes = blocks.length / count;
  rounder.round(band, factor, importance, descents, squares, fresh);
  const losses = rowLosses(band, band.left, rows);

  // The plain rows against the same targets. Buffers of the rounding are free by now.
  const plain = band.scales;
  rounder.decode(blocks, plain);
  timesFactor(band, factor, plain, band.wanted, count);
  for (let i = 0; i < wanted.length; i++) band.left[i] = fround(wanted[i]! - band.wanted[i]!);
  const plainLosses = rowLosses(band, band.left, rows);

  let plainRows = 0;
  let error = 0;
  for (let row = 0; row < rows; row++) {
    error += Math.min(losses[row]!, plainLosses[row]!);
    if (losses[row]! < plainLosses[row]!) {
      blocks.set(fresh.subarray(row * rowBytes, (row + 1) * rowBytes), row * rowBytes);
      continue;
    }
    plainRows++;
    band.values.set(plain.subarray(row * size, (row + 1) * size), row * size);
  }
  const sums = new Float64Array(ERROR_SUM_COUNT);
  addErrorSums(floats.subarray(0, rows * size), band.values.subarray(0, rows * size), size, sums);
  // Where the targets are the weights, their losses are the errors.
  if (solveTargets === undefined) {
    return {
      error,
      plainError: sum(plainLosses),
      energy: sum(rowLosses(band, wanted, rows)),
      plainRows,
      sums: [...sums],
    };
  }
  const productOf = (values: (i: number) => number): number => {
    for (let i = 0; i < floats.length; i++) band.offsets[i] = values(i);
    timesFactor(band, factor, band.offsets, band.wanted, count);
    return sum(rowLosses(band, band.wanted, rows));
  };
  return {
    plainError: productOf((i) => fround(floats[i]! - plain[i]!)),
    error: productOf((i) => fround(floats[i]! - band.values[i]!)),
    energy: productOf((i) => floats[i]!),
    plainRows,
    sums: [...sums],
  };
}

const sum = (values: Float64Array): number => values.reduce((total, value) => total + value, 0);
