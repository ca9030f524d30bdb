/** What an evaluation is told, and what it reports. Plain data: the command line prints it, `--json` writes it. */
import type { RunOptions } from "../engine/run-options.ts";
import type { BackendName } from "../engine/worker/backend.ts";
import type { EvaluationBudget } from "../evaluate/budget.ts";
import type { LayerError } from "../evaluate/run-evaluation.ts";
import type { Statistics } from "../evaluate/statistics.ts";
import type { KernelUse } from "../forward/kernel-use.ts";
import type { Arithmetic } from "../forward/projections.ts";

/** Which text, and how much of it. */
export interface EvaluationChoices {
  /** Tokens of a window, default 512. */
  readonly context?: number;
  /** Windows at most; default: all that the text has. */
  readonly chunks?: number;
  /**
   * `kernels`: quantized weights by integer kernels on 8-bit activations, as a processor multiplies them. `float`:
   * decoded weights and activations in f32. Default `kernels`.
   */
  readonly arithmetic?: Arithmetic;
}

export interface EvaluationOptions extends RunOptions, EvaluationChoices, EvaluationBudget {
  /** The model under test. */
  readonly input: string;
  /** A text file; may be left out with `baseLogits`, which holds the tokens. */
  readonly text?: string;
  /** The original. Default: the one that the manifest names, where it lies about; none: perplexity alone. */
  readonly against?: string;
  /** A file of an original's logits (llama-perplexity's `--kl-divergence-base`), in place of `against`. */
  readonly baseLogits?: string;
  /** Writes such a file of the model under test. */
  readonly saveLogits?: string;
  /** Replace an existing `saveLogits`. */
  readonly force?: boolean;
}

/** What an evaluation will take. */
export interface EvaluationOutline {
  readonly input: string;
  readonly against?: string;
  readonly baseLogits?: string;
  readonly text?: string;
  readonly context: number;
  readonly windows: number;
  readonly arithmetic: Arithmetic;
  readonly kernels: readonly KernelUse[];
  readonly threads: number;
  /** Peak memory that the plan allows for, and temporary files, in bytes. */
  readonly plannedMemory: number;
  readonly plannedDisk: number;
  /** Bytes of `saveLogits`. */
  readonly logitsBytes?: number;
  /** For the products alone, on an ordinary machine. */
  readonly estimatedSeconds: number;
  readonly warnings: readonly string[];
}

/** The result of `evaluateModel`. */
export interface EvaluationReport extends Statistics {
  readonly input: string;
  readonly against?: string;
  readonly baseLogits?: string;
  /** The text file, and the SHA-256 of its bytes. */
  readonly text?: string;
  readonly textHash?: string;
  readonly context: number;
  readonly windows: number;
  readonly arithmetic: Arithmetic;
  /** How far the hidden states are from the original's after each layer; empty without a model to run beside. */
  readonly layers: readonly LayerError[];
  readonly kernels: readonly KernelUse[];
  readonly savedLogits?: string;
  readonly warnings: readonly string[];
  readonly backend: BackendName;
  readonly threads: number;
  readonly plannedMemory: number;
  readonly plannedDisk: number;
  readonly seconds: number;
}
