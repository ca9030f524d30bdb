/** Drives a pool through all bands of all jobs, and gathers what comes back by tensor. */
import type { Codebook } from "../../codecs/codec.ts";
import { elementCount, rowCount, sliceCount } from "../read/model.ts";
import { bandsOf } from "./worker/bands.ts";
import type { Phase, Progress } from "./run-options.ts";
import { combineBands, type TensorResult } from "./results.ts";
import { unbiasLevels } from "./unbias-levels.ts";
import { makeSchedule } from "./schedule.ts";
import type { BandResult, FitResult, TaskResult, WorkerSetup } from "./worker/tasks.types.ts";
import type { WorkerPool } from "./worker-pool.ts";

/** What was done before, by a run that did not come to its end. */
export interface KnownResults {
  readonly bands: readonly BandResult[];
  readonly fits: readonly FitResult[];
}

export interface TaskRun {
  readonly setup: WorkerSetup;
  /** Counted as done, and not done again. */
  readonly known?: KnownResults;
  /** Only these bands are worked on. Default: all. */
  readonly isWanted?: (job: number, index: number) => boolean;
  /** Called with each answer of a worker. */
  readonly onResult?: (result: TaskResult) => void;
  readonly phase: Phase;
  /** Bytes of each job, as progress counts them. */
  readonly jobBytes: readonly number[];
  /** Called when bands are done, with the bytes of all of them so far; what it throws ends the run. */
  readonly onBytes?: (bytesDone: number) => void;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface TaskResults {
  /** One per job. */
  readonly results: readonly TensorResult[];
  /** The codebooks that were fitted, slice by slice, their levels without bias; undefined for jobs without. */
  readonly codebooks: readonly (readonly Codebook[] | undefined)[];
  /** The same as they were fitted: what a calibration goes on from. */
  readonly fittedCodebooks: readonly (readonly Codebook[] | undefined)[];
}

/** The bands of each job, in order; those that were not wanted are missing. */
interface BandResults {
  readonly bands: readonly (readonly BandResult[])[];
  readonly codebooks: readonly (Codebook[] | undefined)[];
  /** Worker time of the fits of each job. */
  readonly fitSeconds: readonly number[];
}

/** @throws the first failure of any worker, or the signal's reason */
export async function runBands(pool: WorkerPool, run: TaskRun): Promise<BandResults> {
  const { setup, known, isWanted = () => true, phase, jobBytes, onBytes, onProgress, signal } = run;
  const { jobs } = setup;
  const bands: BandResult[][] = jobs.map(() => []);
  const missing = jobs.map(({ tensor }) => bandsOf(tensor.shape).length);
  const fitSeconds = jobs.map(() => 0);
  const codebooks = jobs.map(({ tensor, tables }) =>
    tables === undefined ? undefined : new Array<Codebook>(sliceCount(tensor.shape)),
  );
  const progress = {
    phase,
    weightsDone: 0,
    weightsTotal: jobs.reduce((sum, { tensor }) => sum + elementCount(tensor.shape), 0),
    bytesDone: 0,
    bytesTotal: jobBytes.reduce((sum, bytes) => sum + bytes, 0),
    tensorsDone: 0,
    tensorsTotal: jobs.length,
  };
  const countBand = (result: BandResult, rows: number) => {
    const { tensor } = jobs[result.job]!;
    bands[result.job]![result.index] = result;
    missing[result.job]!--;
    progress.weightsDone += rows * tensor.shape[0]!;
    progress.bytesDone += (rows / rowCount(tensor.shape)) * jobBytes[result.job]!;
    if (missing[result.job] === 0) progress.tensorsDone++;
    return tensor.name;
  };
  const countFit = ({ job, slice, codebook, seconds }: FitResult): void => {
    codebooks[job]![slice] = codebook;
    fitSeconds[job]! += seconds;
  };
  for (const fit of known?.fits ?? []) countFit(fit);
  for (const band of known?.bands ?? []) countBand(band, band.rows);
  const schedule = makeSchedule(
    jobs.map(({ tensor, tables }, job) => ({
      shape: tensor.shape,
      isFitted: tables !== undefined,
      isDone: (index: number) => bands[job]![index] !== undefined || !isWanted(job, index),
      codebooks: codebooks[job] ?? [],
    })),
    pool.threads,
  );
  const onResult = (result: TaskResult) => {
    run.onResult?.(result);
    if (result.kind === "fit") {
      const { job, slice, codebook } = result.fit;
      countFit(result.fit);
      schedule.fitted(job, slice, codebook);
      return;
    }
    const names = result.bands.map((band) => countBand(band, band.rows));
    onBytes?.(progress.bytesDone);
    onProgress?.({ ...progress, tensor: names.at(-1)! });
  };

  onProgress?.({ ...progress });
  await pool.run(setup, () => schedule.next(), onResult, signal);
  return { bands, codebooks, fitSeconds };
}

/**
 * Runs all bands of all jobs.
 * @throws the first failure of any worker, or the signal's reason
 */
export async function runTasks(pool: WorkerPool, run: Omit<TaskRun, "isWanted">): Promise<TaskResults> {
  const { bands, codebooks, fitSeconds } = await runBands(pool, run);
  const { jobs, verify } = run.setup;
  const fittedCodebooks = codebooks.map((books) => books && [...books]);
  const results = bands.map((parts, job) => {
    const books = codebooks[job];
    const unbiased = books === undefined ? parts : unbiasLevels(parts, bandsOf(jobs[job]!.tensor.shape), books);
    const combined = combineBands(unbiased);
    // What was summed for the levels alone is nobody's result.
    const { sums: _sums, products: _products, ...unchecked } = combined;
    const wanted = verify === "off" ? unchecked : combined;
    return { ...wanted, seconds: combined.seconds + fitSeconds[job]! };
  });
  return { results, codebooks, fittedCodebooks };
}
