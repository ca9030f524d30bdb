/** What everything that runs on the engine is told, and what it says while it runs. */
import type { BackendName } from "./worker/backend.ts";

/** Options of everything that runs on the engine. */
export interface RunOptions {
  /** Worker threads, at least 1. Default: the machine's cores. Fewer run where memory does not suffice. */
  readonly threads?: number;
  /** Upper bound of the process's resident memory in bytes, default `DEFAULT_MAX_MEMORY`. */
  readonly maxMemory?: number;
  /** Default: `wasm`, or `scalar` where the machine has no WebAssembly SIMD. */
  readonly backend?: BackendName;
  /** Called on the main thread at each change worth showing; must not throw. */
  readonly onProgress?: (progress: Progress) => void;
  /** Stops the run: workers end, temporary files go, the promise rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** Default of `maxMemory`: enough for any model. */
export const DEFAULT_MAX_MEMORY = 2 ** 30;

/** The steps of a run, in the order in which they begin. */
export type Phase =
  | "fetch"
  | "open"
  | "plan"
  | "resume"
  | "convert"
  | "compare"
  | "generate"
  | "measure"
  | "calibrate"
  | "evaluate"
  | "finish";

/** A snapshot of a run. Counts only grow within a phase. */
export interface Progress {
  readonly phase: Phase;
  /**
   * Weights converted (or compared) so far, and in all; in passes through a model, weights that rows were multiplied
   * with. 0 before the plan is known, and while files are fetched.
   */
  readonly weightsDone: number;
  readonly weightsTotal: number;
  /** Bytes written (phase `compare`: read, phase `fetch`: here) so far, and in all. */
  readonly bytesDone: number;
  readonly bytesTotal: number;
  /** Tensors (phase `fetch`: files) finished so far, and in all. */
  readonly tensorsDone: number;
  readonly tensorsTotal: number;
  /** The tensor that was worked on last. */
  readonly tensor?: string;
  /** What is being done, where no single tensor is: `layer 3 of 22`. */
  readonly step?: string;
}

/** Tells that a step begins. */
export function announce({ onProgress, signal }: RunOptions, phase: Phase): void {
  signal?.throwIfAborted();
  const nothing = { weightsDone: 0, weightsTotal: 0, bytesDone: 0, bytesTotal: 0, tensorsDone: 0, tensorsTotal: 0 };
  onProgress?.({ phase, ...nothing });
}
