/** The threads of this program for work of others: a module of theirs is run by all of them as a team. */
import { availableParallelism } from "node:os";
import { WorkerPool } from "./worker-pool.ts";

/** Threads that wait for programs. */
export interface Workers {
  readonly threads: number;
  /**
   * Runs a program on all threads. One at a time: the next may begin when this one has ended.
   * @param program URL of a module whose default export is a `WorkerProgram`: `new URL("./program.js", import.meta.url)`
   * @param setup for each thread a copy of it, but arrays on shared memory are the same
   * @param onNote called with each note, in the order in which a thread sends them
   * @returns what each thread found, by rank
   * @throws the first failure of a thread, as it was thrown there: the other threads are stopped at their next step
   */
  run<Result>(program: URL, setup: unknown, onNote?: (note: unknown) => void): Promise<Result[]>;
}

export interface WorkersOptions {
  /** Default: the machine's cores. */
  readonly threads?: number;
  /** Ends the threads, whatever they are doing; what runs rejects with its reason. */
  readonly signal?: AbortSignal;
}

/** Starts threads, for as long as `work` takes. */
export async function withWorkers<T>(options: WorkersOptions, work: (workers: Workers) => Promise<T>): Promise<T> {
  const { threads = availableParallelism(), signal } = options;
  if (!Number.isInteger(threads) || threads < 1) throw new RangeError(`${threads} threads, expected at least 1`);
  const pool = new WorkerPool(threads);
  try {
    return await work({
      threads,
      run: (program, setup, onNote = () => {}) => pool.runModule(program.href, setup, onNote, signal),
    });
  } finally {
    await pool.close();
  }
}
