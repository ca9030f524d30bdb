/**
 * The order of work: bands in output order, batched; fits of codebooks a little ahead of the bands that
 * wait for them. Pure bookkeeping, no threads.
 *
 * A fit is handed out while fewer than two fitted slices per thread lie ready or in work, so that the next tensors'
 * tables are learned while the current ones are encoded; when no band is ready, fits go on beyond that bound. A band
 * is ready when its slice is fitted, and later bands may overtake one that waits: so with any number of threads, one
 * included, something can always run.
 */
import type { Codebook } from "../../codecs/codec.ts";
import { elementCount, sliceCount } from "../read/model.ts";
import { bandsOf } from "./worker/bands.ts";
import type { BandTask, Task } from "./worker/tasks.types.ts";

/**
 * Bands go together in one message until they have this many weights: a message costs both threads a fraction of a
 * millisecond. Fewer in small models, so that each thread has some dozens and all end at about the same time.
 */
const MIN_BATCH_WEIGHTS = 2 ** 19;
const MAX_BATCH_WEIGHTS = 2 ** 22;
const BATCHES_PER_THREAD = 32;

/** Fits that may be ready or in work ahead of their bands, per thread. */
const FITS_AHEAD = 2;

/** What the schedule needs to know of a job. */
export interface ScheduledJob {
  readonly shape: readonly number[];
  /** True when tables are to be learned first. */
  readonly isFitted: boolean;
  /** Bands that need not be worked on, by position. */
  readonly isDone?: (index: number) => boolean;
  /** Codebooks that are known already, by slice. */
  readonly codebooks?: readonly (Codebook | undefined)[];
}

interface Batch {
  readonly bands: readonly BandTask[];
  /** Keys of the slices whose fits it needs. */
  readonly needs: readonly string[];
}

export interface Schedule {
  /** The next task to hand out; undefined when nothing is ready or nothing is left. */
  next(): Task | undefined;
  /** Tells that a slice has its tables. */
  fitted(job: number, slice: number, codebook: Codebook): void;
}

const sliceKey = (job: number, slice: number): string => `${job}/${slice}`;

function batchesOf(jobs: readonly ScheduledJob[], threads: number): Batch[] {
  const allWeights = jobs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const share = allWeights / (BATCHES_PER_THREAD * threads);
  const batchWeights = Math.max(MIN_BATCH_WEIGHTS, Math.min(share, MAX_BATCH_WEIGHTS));
  const batches: Batch[] = [];
  let bands: BandTask[] = [];
  let weights = 0;
  const flush = () => {
    if (bands.length === 0) return;
    const fitted = bands.filter(({ job }) => jobs[job]!.isFitted);
    batches.push({ bands, needs: [...new Set(fitted.map(({ job, band }) => sliceKey(job, band.slice)))] });
    bands = [];
    weights = 0;
  };
  for (const [job, { shape, isDone }] of jobs.entries()) {
    for (const [index, band] of bandsOf(shape).entries()) {
      if (isDone?.(index)) continue;
      const size = (band.endRow - band.startRow) * shape[0]!;
      if (weights + size > batchWeights) flush();
      bands.push({ job, index, band });
      weights += size;
    }
  }
  flush();
  return batches;
}

/** Keys of all slices whose tables are learned. */
function fittedSlices(jobs: readonly ScheduledJob[]): string[] {
  return jobs.flatMap(({ shape, isFitted }, job) =>
    isFitted ? Array.from({ length: sliceCount(shape) }, (_, slice) => sliceKey(job, slice)) : [],
  );
}

/** @param threads how many will work on it: what size messages have, and how far fits run ahead */
export function makeSchedule(jobs: readonly ScheduledJob[], threads: number): Schedule {
  const fitsAhead = FITS_AHEAD * threads;
  const batches: (Batch | undefined)[] = batchesOf(jobs, threads);
  /** Batches that need each slice and were not handed out yet; slices in the order of their first use. */
  const users = new Map<string, number>();
  for (const batch of batches) for (const key of batch!.needs) users.set(key, (users.get(key) ?? 0) + 1);
  // Slices without a band to encode still need the tables that their file will hold.
  for (const key of fittedSlices(jobs)) if (!users.has(key)) users.set(key, 0);
  const codebooks = new Map<string, Codebook>();
  for (const [job, { codebooks: known = [] }] of jobs.entries()) {
    for (const [slice, book] of known.entries()) if (book !== undefined) codebooks.set(sliceKey(job, slice), book);
  }
  const fits = [...users.keys()].filter((key) => !codebooks.has(key));
  const toFit = new Set(fits);
  const started = new Set<string>(codebooks.keys());
  let begun = 0;
  let firstBatch = 0;
  let fitsInUse = 0;

  const takeFit = (): Task => {
    const key = fits[begun++]!;
    started.add(key);
    if (users.get(key)! > 0) fitsInUse++;
    const [job, slice] = key.split("/").map(Number) as [number, number];
    return { kind: "fit", job, slice };
  };

  const takeBatch = (position: number, { bands, needs }: Batch): Task => {
    batches[position] = undefined;
    while (firstBatch < batches.length && batches[firstBatch] === undefined) firstBatch++;
    const withBooks = bands.map((task) => {
      const codebook = codebooks.get(sliceKey(task.job, task.band.slice));
      return codebook === undefined ? task : { ...task, codebook };
    });
    for (const key of needs) {
      const left = users.get(key)! - 1;
      users.set(key, left);
      if (left > 0) continue;
      codebooks.delete(key);
      if (toFit.has(key)) fitsInUse--;
    }
    return { kind: "bands", bands: withBooks };
  };

  return {
    next() {
      if (begun < fits.length && fitsInUse < fitsAhead) return takeFit();
      for (let position = firstBatch; position < batches.length; position++) {
        const batch = batches[position];
        if (batch === undefined) continue;
        if (batch.needs.every((key) => codebooks.has(key))) return takeBatch(position, batch);
        // Fits start in the order of use: whatever needs one that has not begun comes later.
        if (batch.needs.some((key) => !started.has(key))) break;
      }
      return begun < fits.length ? takeFit() : undefined;
    },
    fitted(job, slice, codebook) {
      codebooks.set(sliceKey(job, slice), codebook);
    },
  };
}
