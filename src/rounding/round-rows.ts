/**
 * Rows of a matrix, rounded against what the model computes, and for each row the better of these codes and the plain
 * ones.
 */
import { addErrorSums, ERROR_SUM_COUNT } from "../verify/error-sums.ts";
import { rowLosses, type Band } from "./band.ts";
import type { Factor } from "./factor.ts";
import { timesFactor } from "./factor-products.ts";
import type { RoundingSettings, RowRounder } from "./row-rounder.ts";

const { fround } = Math;

export interface RowTask extends RoundingSettings {
  readonly rows: number;
  /** What was added to the diagonal of H: errors are told without it. */
  readonly damping: number;
  /** In: the plain rows, encoded; out: the better ones. */
  readonly blocks: Uint8Array;
  /** Room for as many. */
  readonly fresh: Uint8Array;
  /** Makes `wanted` and `weights` from the float weights where targets are not the weights themselves. */
  readonly solveTargets?: () => void;
}

/** What became of some rows; w are the float weights. */
export interface RowOutcome {
  /** sum |(w - q) x|^2 and sum |w x|^2 over the tokens: error and energy of the outputs. */
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
 */
export function roundRows(
  band: Band,
  factor: Factor,
  rounder: RowRounder,
  floats: Float32Array,
  task: RowTask,
): RowOutcome {
  const { rows, damping, blocks, fresh, solveTargets } = task;
  const { size, rows: count } = band;
  band.weights.set(floats);
  if (solveTargets === undefined) timesFactor(band, factor, band.weights, band.wanted, count);
  else solveTargets();
  rounder.round(band, factor, task, fresh);
  const losses = rowLosses(band, band.left, rows);

  // The plain rows against the same targets. What held scales is free by now.
  const [plain, products] = [band.scales, band.offsets];
  rounder.decode(blocks, plain);
  timesFactor(band, factor, plain, products, count);
  for (let i = 0; i < products.length; i++) band.left[i] = fround(band.wanted[i]! - products[i]!);
  const plainLosses = rowLosses(band, band.left, rows);
  const plainSums = sumsOf(floats, plain, rows * size, size);

  const rowBytes = blocks.length / count;
  let plainRows = 0;
  for (let row = 0; row < rows; row++) {
    if (losses[row]! < plainLosses[row]!) {
      blocks.set(fresh.subarray(row * rowBytes, (row + 1) * rowBytes), row * rowBytes);
      continue;
    }
    plainRows++;
    losses[row] = plainLosses[row]!;
    band.values.set(plain.subarray(row * size, (row + 1) * size), row * size);
  }
  const sums = sumsOf(floats, band.values, rows * size, size);

  /** |x V|^2 of all rows. */
  const lossOf = (values: (i: number) => number): number => {
    for (let i = 0; i < floats.length; i++) products[i] = values(i);
    timesFactor(band, factor, products, band.wanted, count);
    return total(rowLosses(band, band.wanted, rows));
  };
  // Where the targets are the weights, the losses are the errors.
  const [energy, error, plainError] =
    solveTargets === undefined
      ? [total(rowLosses(band, band.wanted, rows)), total(losses), total(plainLosses)]
      : [
          lossOf((i) => floats[i]!),
          lossOf((i) => fround(floats[i]! - band.values[i]!)),
          lossOf((i) => fround(floats[i]! - plain[i]!)),
        ];
  const undamped = (loss: number, squares: number): number => Math.max(0, loss - damping * squares);
  return {
    error: undamped(error, sums[0]!),
    energy: undamped(energy, sums[1]!),
    plainError: undamped(plainError, plainSums[0]!),
    plainRows,
    sums: [...sums],
  };
}

/** Sums of (a - b)^2, a^2 and b^2. */
function sumsOf(a: Float32Array, b: Float32Array, count: number, rowLength: number): Float64Array {
  const sums = new Float64Array(ERROR_SUM_COUNT);
  addErrorSums(a.subarray(0, count), b.subarray(0, count), rowLength, sums);
  return sums;
}

const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);
