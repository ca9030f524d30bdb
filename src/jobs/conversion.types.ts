/**
 * What a conversion is told, and what it reports at the end. Plain data: the command line prints it, `--json` writes
 * it, tests compare it.
 */
import type { Effort } from "../../codecs/codec.ts";
import type { Compat } from "../../layouts/compat.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { BackendName } from "../engine/worker/backend.ts";
import type { RuleHits } from "../plan/plan.ts";
import type { Quality, QualityBudget } from "../verify/quality.types.ts";
import type { VerifyLevel } from "../verify/verify-level.ts";
import type { CalibrationChoices } from "../plan/recipes/calibration-choices.ts";
import type { CalibrationReport } from "./calibration.types.ts";
import type { ConversionEvaluation } from "./evaluate-conversion.ts";
import type { EvaluationReport } from "./evaluation.types.ts";

/** Options of runs that write a file. */
export interface ConversionOptions extends RunOptions, QualityBudget {
  /** Default `kernels`. */
  readonly verify?: VerifyLevel;
  /** A text to evaluate the result on, beside the source, before the file gets its name; default: none. */
  readonly evaluation?: ConversionEvaluation;
  /** Choose the codes of matrices against what the model computes, on a text or on text of its own. */
  readonly calibration?: CalibrationChoices;
  /** How hard codebooks are searched, default `normal`; more effort costs time, not bytes. */
  readonly effort?: Effort;
  /** Replace an existing output, throw away an unfinished calibration. Default false. */
  readonly force?: boolean;
  /**
   * Go on from what an earlier run of the same conversion has left, and leave to a later one what this run does not finish.
   * Default false.
   */
  readonly resume?: boolean;
  /** A program for which interleaved types get the numbers that it knows; default: none, they are carried as bytes. */
  readonly compat?: Compat;
  /**
   * Put our own keys into the file: format version, manifest, learned tables. Default true. Without them a file of stock
   * types in rows is what other programs would have written; files of other types need them.
   */
  readonly manifest?: boolean;
  /** A JSON file to write the manifest to, right after the output has its name. */
  readonly manifestFile?: string;
  /** Further facts for the manifest (recipe, command), kept as they are. */
  readonly provenance?: Readonly<Record<string, unknown>>;
}

/** A block format in a memory order. */
export interface Encoding {
  readonly codec: string;
  readonly layout: string;
}

/** What became of one tensor. */
export interface TensorReport {
  readonly name: string;
  /** Innermost first. */
  readonly shape: readonly number[];
  readonly weights: number;
  readonly from: Encoding;
  readonly to: Encoding;
  /** Learned tables per slice, for codebook formats. */
  readonly tables?: number;
  /** Bytes of the written blocks, and of the learned tables and levels that belong to them. */
  readonly byteLength: number;
  readonly codebookBytes: number;
  /** 8 * (byteLength + codebookBytes) / weights. */
  readonly bitsPerWeight: number;
  /** Absent when nothing was encoded (a copy, a repacking), or at verify level `off`. */
  readonly quality?: Quality;
  /**
   * Calibrated tensors: error of the outputs over their size, on the tokens of the calibration. Their NMSE is no measure
   * of quality: it grows where this falls.
   */
  readonly outputError?: number;
  /** Why this codec and layout, in words: see `reasonText`. */
  readonly reason: string;
  readonly isFallback: boolean;
  /** Hash of the bytes read and of the bytes written, 16 hexadecimal digits: see docs/architecture.md. */
  readonly sourceHash: string;
  readonly hash: string;
  /** Worker time spent on it, all threads added. Never part of a manifest. */
  readonly seconds: number;
}

/** Sums and extremes over all tensors. */
export interface Totals {
  readonly weights: number;
  readonly tensors: number;
  /** Tensors that were encoded anew. */
  readonly encodedTensors: number;
  readonly fallbacks: number;
  readonly sourceBytes: number;
  /** Tensor bytes and codebook bytes written, without header and padding. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  /** Pooled over all tensors that were quantized; absent at verify level `off`. */
  readonly nmse?: number;
  readonly cosine?: number;
  /** Pooled over all sampled products. */
  readonly kernelError?: number;
}

/** The result of quantize, dequantize, pack and unpack. */
export interface ConversionReport {
  readonly input: string;
  /** The file, or the first of a split set. */
  readonly output: string;
  /** All files, when there are several. */
  readonly outputs?: readonly string[];
  /** Size of the finished file. */
  readonly fileBytes: number;
  /** The plan's: the scheme's name, and how often each rule of the user decided. */
  readonly scheme: string;
  readonly ruleHits: readonly RuleHits[];
  /** Hash over all tensors' source hashes, in input order. */
  readonly sourceHash: string;
  /** In output order. */
  readonly tensors: readonly TensorReport[];
  readonly totals: Totals;
  readonly verify: VerifyLevel;
  /** What the model as a whole lost, where a text was given. */
  readonly evaluation?: EvaluationReport;
  readonly calibration?: CalibrationReport;
  readonly backend: BackendName;
  readonly threads: number;
  /** Peak memory that the plan allows for, in bytes. */
  readonly plannedMemory: number;
  /** Things people should know, a sentence each: the plan's, and what was found in the output's place. */
  readonly warnings: readonly string[];
  /** How a mix for a size came to be, in a sentence. */
  readonly mixed?: string;
  readonly seconds: number;
}

/** One tensor of a finished file beside its original. */
export interface ComparedTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly weights: number;
  /** The original's encoding, and that of the file under test. */
  readonly against: Encoding;
  readonly encoding: Encoding;
  readonly byteLength: number;
  readonly quality: Quality;
  /** Hash of the bytes as they are now, and what the manifest says, where it says something. */
  readonly hash: string;
  readonly manifestHash?: string;
  /** The same of its learned tables and levels. */
  readonly codebookHash?: string;
  readonly manifestCodebookHash?: string;
  /** What is not as the manifest says, in words. */
  readonly damage?: string;
  readonly seconds: number;
}

/** The result of verify. */
export interface VerificationReport {
  readonly input: string;
  readonly against: string;
  readonly tensors: readonly ComparedTensor[];
  /** Names of tensors whose bytes, or learned tables and levels, do not match the manifest's hashes. */
  readonly damaged: readonly string[];
  /** Pooled over all tensors whose encodings differ. */
  readonly nmse: number;
  readonly cosine: number;
  readonly kernelError?: number;
  /** `manifest` when the file holds one and hashes were compared. */
  readonly hasManifest: boolean;
  readonly backend: BackendName;
  readonly threads: number;
  readonly seconds: number;
}
