/**
 * The worker protocol: what the main thread sends, and what comes back.
 *
 *   main -> worker   { setup }            before the first task of a run, in place of the setup before
 *   main -> worker   { task }             a unit of work; a worker works on one at a time, in the order of arrival
 *   worker -> main   { id, result }       or { id, failure }
 *
 * Weights never cross: workers open the files themselves. Everything sent is plain data (typed arrays on shared memory
 * where they are large), so that structured cloning costs microseconds.
 */
import type { Codebook, Effort } from "../../../codecs/codec.ts";
import type { ProgramName } from "./programs.ts";
import type { Model, Tensor } from "../../read/model.ts";
import type { Band } from "./bands.ts";
import type { BackendName } from "./backend.ts";
import type { VerifyLevel } from "../../verify/verify-level.ts";

/** One tensor's way from its stored bytes to its target. */
export interface TensorJob {
  /** As stored, and from which of the setup's file lists. */
  readonly tensor: Tensor;
  /** Target codec and layout. For comparisons: those of `written`. */
  readonly codec: string;
  readonly layout: string;
  /** Index into `setup.outputPaths`. */
  readonly outputFile: number;
  /** Absolute position of the tensor's first byte in its output file. */
  readonly outputOffset: number;
  /** Tables to fit per slice, when the target is a codebook format and not a copy. */
  readonly tables?: number;
  /** Fixed tables to use instead: then only the scale levels are fitted. */
  readonly tablesFrom?: string;
  /** Importance of each column, slice after slice. */
  readonly importance?: Float32Array;
  /** Comparisons: the tensor under test, stored in `setup.writtenFiles`. */
  readonly written?: Tensor;
}

export interface WorkerSetup {
  readonly backend: BackendName;
  readonly module?: WebAssembly.Module;
  /** Bytes of buffers that the largest job needs for its bands, and behind them for its fits. */
  readonly bandBytes: number;
  readonly fitBytes: number;
  /** The files that `tensor.extents` refers to. */
  readonly files: Model["files"];
  /** The files that `written.extents` refers to. */
  readonly writtenFiles: Model["files"];
  /** The files to write into; none for comparisons. */
  readonly outputPaths: readonly string[];
  readonly jobs: readonly TensorJob[];
  readonly verify: VerifyLevel;
  readonly effort: Effort;
}

/** One band of one tensor to convert or to compare. */
export interface BandTask {
  /** Index into `setup.jobs`. */
  readonly job: number;
  /** Position of the band in the tensor. */
  readonly index: number;
  readonly band: Band;
  /** The fitted codebook of the band's slice, for codebook targets. */
  readonly codebook?: Codebook;
}

export type Task =
  | { readonly kind: "bands"; readonly bands: readonly BandTask[] }
  | { readonly kind: "fit"; readonly job: number; readonly slice: number };

/** What is known of a band when it is done. */
export interface BandResult {
  readonly job: number;
  readonly index: number;
  readonly rows: number;
  readonly sourceHash: bigint;
  readonly hash: bigint;
  /** `ERROR_SUM_COUNT` sums, see error-sums.ts. Absent for copies and without verification. */
  readonly sums?: readonly number[];
  /** sum (y - y')^2 and sum y^2 of the sampled products. */
  readonly products?: readonly number[];
  readonly seconds: number;
}

export interface FitResult {
  readonly job: number;
  readonly slice: number;
  readonly codebook: Codebook;
  readonly seconds: number;
}

export type TaskResult =
  { readonly kind: "bands"; readonly bands: readonly BandResult[] } | { readonly kind: "fit"; readonly fit: FitResult };

/** An error on its way between threads: nothing of it is lost. */
export interface Failure {
  readonly name: string;
  readonly code?: string;
  readonly message: string;
  readonly stack: string;
  readonly cause?: Failure;
}

/** A program that all threads carry out together: see src/forward/team.ts. */
export interface ProgramCall {
  /** One of our own, or a module of the caller's whose default export is one. */
  readonly program: { readonly name: ProgramName } | { readonly url: string };
  readonly setup: unknown;
  /** Absent: the scalar definitions. */
  readonly module?: WebAssembly.Module;
  readonly words: Int32Array;
  readonly rank: number;
  readonly size: number;
}

export type ToWorker =
  | { readonly kind: "setup"; readonly setup: WorkerSetup }
  | { readonly kind: "task"; readonly id: number; readonly task: Task }
  | { readonly kind: "program"; readonly call: ProgramCall };

export type FromWorker =
  | { readonly id: number; readonly result: TaskResult }
  | { readonly id: number; readonly failure: Failure }
  | { readonly note: unknown }
  | { readonly programResult: unknown }
  | { readonly programFailure: Failure };
