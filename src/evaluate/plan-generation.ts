/**
 * How generation fits into memory: how many sequences go on in step, and how many bytes of weights stay with each thread.
 * Pure arithmetic on shapes; what is generated does not depend on it.
 */
import { PROCESS_BYTES, WORKER_BYTES } from "../engine/memory.ts";
import { DEFAULT_MAX_MEMORY } from "../engine/run-options.ts";
import { QuantizeError } from "../errors.ts";
import { passBytes } from "../forward/buffers.ts";
import { numericsLimits } from "../forward/member.ts";
import { keptTileBytes, LARGEST_MEMORY, numericsBytes } from "../forward/numerics/wasm-numerics.ts";
import { keptHeadBytes } from "../forward/programs/generate.ts";
import { matrixForm, tileRows, type Arithmetic } from "../forward/projections.ts";
import { matricesOf, type Matrix } from "../forward/weights.ts";
import type { PreparedModel } from "./prepare-model.ts";

const MIB = 2 ** 20;
/** Rows of a prompt that go through the layers together at most. */
const PROMPT_ROWS = 512;
/** Threads own tiles by turns, not by size: room for an uneven share. */
const UNEVEN_SHARE = 1.25;

export interface GenerationPlan {
  readonly threads: number;
  /** Sequences that go on in step. */
  readonly sequences: number;
  /** Rows of the buffers: prompts go through in pieces of so many. */
  readonly rows: number;
  /** Bytes of weights that stay with each thread. */
  readonly keptTileBytes: number;
  /** True when all weights stay in memory. */
  readonly isResident: boolean;
  readonly peakBytes: number;
}

/** Bytes of all matrices that are multiplied, as threads keep them. */
export function allTileBytes({ weights }: Pick<PreparedModel, "weights">, arithmetic: Arithmetic): number {
  const [, ...multiplied] = matricesOf(weights);
  const bytesOf = (matrix: Matrix): number => {
    const form = matrixForm(matrix, 0, arithmetic);
    const rows = tileRows(matrix.columns);
    const [whole, rest] = [Math.floor(matrix.rows / rows), matrix.rows % rows];
    const slice = whole * keptTileBytes(form, rows) + (rest === 0 ? 0 : keptTileBytes(form, rest));
    return matrix.slices * slice;
  };
  return multiplied.reduce((sum, matrix) => sum + bytesOf(matrix), 0);
}

/**
 * @param wanted sequences, of `positions` tokens each, that begin with prompts of `promptLength`
 * @throws QuantizeError `no-room` when one sequence on one thread does not fit
 */
export function planGeneration(
  model: Pick<PreparedModel, "hyper" | "weights">,
  wanted: { readonly sequences: number; readonly positions: number; readonly promptLength: number },
  options: { readonly threads: number; readonly maxMemory?: number; readonly arithmetic: Arithmetic },
): GenerationPlan {
  const { maxMemory = DEFAULT_MAX_MEMORY, arithmetic } = options;
  const { positions, promptLength } = wanted;
  const { hyper, weights } = model;
  const rowsFor = (sequences: number): number => Math.max(sequences, Math.min(PROMPT_ROWS, sequences * promptLength));
  const sharedBytes = (sequences: number): number =>
    passBytes(hyper, weights, rowsFor(sequences)) + sequences * (weights.vocabulary + positions) * 4;
  const workerBytes = (sequences: number, threads: number, tiles: number): number =>
    numericsBytes(numericsLimits([model], positions, keptHeadBytes(model, sequences, positions, threads) + tiles));
  const peak = (sequences: number, threads: number, tiles = 0): number =>
    PROCESS_BYTES + threads * (WORKER_BYTES + workerBytes(sequences, threads, tiles)) + sharedBytes(sequences);
  const fits = (sequences: number, threads: number): boolean =>
    peak(sequences, threads) <= maxMemory && workerBytes(sequences, threads, 0) <= LARGEST_MEMORY;

  for (let threads = options.threads; threads >= 1; threads--) {
    if (!fits(1, threads)) continue;
    let [sequences, tooMany] = [1, wanted.sequences + 1];
    while (sequences + 1 < tooMany) {
      const middle = Math.floor((sequences + tooMany) / 2);
      if (fits(middle, threads)) sequences = middle;
      else tooMany = middle;
    }
    const all = allTileBytes(model, arithmetic);
    const room = Math.min(
      (maxMemory - peak(sequences, threads)) / threads,
      LARGEST_MEMORY - workerBytes(sequences, threads, 0),
    );
    const share = threads === 1 ? all : (all / threads) * UNEVEN_SHARE;
    const tiles = Math.floor(Math.min(room, share));
    return {
      threads,
      sequences,
      rows: rowsFor(sequences),
      keptTileBytes: tiles,
      isResident: tiles * threads >= all,
      peakBytes: peak(sequences, threads, tiles),
    };
  }
  throw new QuantizeError(
    "no-room",
    `one thread and one sequence of ${positions} tokens need ${Math.ceil(peak(1, 1) / MIB)} MiB of memory, ` +
      `the bound is ${Math.floor(maxMemory / MIB)} MiB (--max-memory, or a smaller --context)`,
  );
}
