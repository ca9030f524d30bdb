/** What a measurement of importance is told, and what it reports. */
import type { RunOptions } from "../engine/run-options.ts";
import type { BackendName } from "../engine/worker/backend.ts";
import type { EntryDescription } from "../imatrix/describe-importance.ts";
import type { ImatrixFormat } from "../write/write-imatrix.ts";

export interface ImatrixOutput {
  readonly output: string;
  /** Default `gguf`. */
  readonly format?: ImatrixFormat;
  /** Replace an existing output. Default false. */
  readonly force?: boolean;
}

export interface ImatrixOptions extends RunOptions, ImatrixOutput {
  readonly input: string;
  /** A text file; left out, the model writes the text itself. */
  readonly text?: string;
  /** Tokens of a window. Default 512, of the model's own text 128. */
  readonly context?: number;
  /** Windows at most. Default: all that the text has, of the model's own text 64. */
  readonly chunks?: number;
  /** Of the model's own text, a whole number below 2^32. Default 0. */
  readonly seed?: number;
  /** Measure `output.weight` too. Default false. */
  readonly processOutput?: boolean;
  /** Importance files of the same model whose sums are added. */
  readonly merge?: readonly string[];
}

export interface MergeOptions extends ImatrixOutput {
  /** Importance files of one model, of either format, at least one. */
  readonly inputs: readonly string[];
}

/** What an importance file holds. */
export interface ImatrixContents {
  readonly output: string;
  readonly format: ImatrixFormat;
  readonly fileBytes: number;
  /** Files that were added. */
  readonly merged: readonly string[];
  readonly datasets: readonly string[];
  /** Tokens of a chunk, and whole chunks. */
  readonly chunkSize: number;
  readonly chunkCount: number;
  /** By name. */
  readonly entries: readonly EntryDescription[];
}

/** The result of `measureImatrix`. */
export interface ImatrixReport extends ImatrixContents {
  readonly input: string;
  readonly text?: string;
  /** Seed of the model's own text. */
  readonly seed?: number;
  readonly context: number;
  readonly windows: number;
  readonly warnings: readonly string[];
  readonly backend: BackendName;
  readonly threads: number;
  readonly plannedMemory: number;
  readonly plannedDisk: number;
  readonly seconds: number;
}
