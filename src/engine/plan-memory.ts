/**
 * How much memory a run takes at most, and how many threads fit under a bound. Pure arithmetic on the plan: chunks are
 * small whatever the model, so the peak hardly depends on it.
 */
import { availableParallelism } from "node:os";
import type { Effort } from "../../codecs/codec.ts";
import { QuantizeError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import { PROCESS_BYTES, threadsWithin, WORKER_BYTES } from "./memory.ts";
import { planArena, planFitArena } from "./worker/arena.ts";
import { DEFAULT_MAX_MEMORY } from "./run-options.ts";
import { fitWeights } from "./worker/fit-worker.ts";
import { jobShape } from "./worker/job-shape.ts";
import { jobsOf } from "./tensor-jobs.ts";
import type { TensorJob } from "./worker/tasks.types.ts";

const MIB = 2 ** 20;
/** Bytes that a fit holds per weight of its sample: the sample, its importance, per-group statistics. */
const FIT_BYTES_PER_WEIGHT = 16;

export interface MemoryPlan {
  readonly threads: number;
  /** Bytes of each worker's buffers for bands and for fits. */
  readonly bandBytes: number;
  readonly fitBytes: number;
  /** Upper bound of resident memory with that many threads. */
  readonly peakBytes: number;
}

/** Memory of a list of jobs. @throws QuantizeError `no-room` when the bound is too small for one thread */
export function planJobMemory(
  jobs: readonly TensorJob[],
  options: { readonly threads?: number; readonly maxMemory?: number; readonly effort?: Effort },
): MemoryPlan {
  const { threads: wanted = availableParallelism(), maxMemory = DEFAULT_MAX_MEMORY, effort = "normal" } = options;
  const largest = (bytes: (job: TensorJob) => number): number =>
    jobs.reduce((max, job) => Math.max(max, bytes(job)), 0);
  const bandBytes = largest((job) => planArena(jobShape(job), 0).end);
  const fitting = jobs.filter((job) => job.tables !== undefined);
  const fitBytes = Math.max(
    0,
    ...fitting.map((job) => planFitArena(jobShape(job), fitWeights(job, effort).fitted, 0).end),
  );
  const heapWeights = fitting.map((job) => {
    const { sampled, fitted } = fitWeights(job, effort);
    return sampled + fitted;
  });
  const heapBytes = Math.max(0, ...heapWeights) * FIT_BYTES_PER_WEIGHT;
  const bufferBytes = bandBytes + fitBytes + heapBytes;
  const perWorker = WORKER_BYTES + bufferBytes;
  const possible = threadsWithin(maxMemory, bufferBytes);
  if (possible < 1) {
    const needed = Math.ceil((PROCESS_BYTES + perWorker) / MIB);
    throw new QuantizeError(
      "no-room",
      `one thread needs ${needed} MiB of memory, the bound is ${Math.floor(maxMemory / MIB)} MiB (--max-memory)`,
    );
  }
  const threads = Math.min(wanted, possible);
  return { threads, bandBytes, fitBytes, peakBytes: PROCESS_BYTES + threads * perWorker };
}

/** What a conversion will take, for `plan` and dry runs. */
export function planMemory(
  plan: Plan,
  options: { readonly threads?: number; readonly maxMemory?: number; readonly effort?: Effort } = {},
): MemoryPlan {
  return planJobMemory(jobsOf(plan, new Array<number>(plan.fileCount).fill(0)), options);
}
