/** A plan as plain data for people and programs: without the model's metadata and the importance values. */
import type { MemoryPlan } from "../engine/plan-memory.ts";
import { encodingShares, type EncodingShare } from "../inspect/inspect-model.ts";
import type { Plan, RuleHits, TensorPlan } from "../plan/plan.ts";
import { isFallback, reasonText } from "../plan/reason.ts";
import { learnedBytes } from "../plan/table-count.ts";
import { elementCount } from "../read/model.ts";

export interface PlannedTensor {
  readonly name: string;
  /** Innermost first. */
  readonly shape: readonly number[];
  readonly weights: number;
  readonly from: string;
  readonly codec: string;
  readonly layout: string;
  readonly tables?: number;
  readonly byteLength: number;
  /** Of the learned tables and (at most) all scale levels. */
  readonly codebookBytes: number;
  readonly bitsPerWeight: number;
  readonly reason: string;
  readonly isFallback: boolean;
  /** Whether importance weights reach the encoder. */
  readonly hasImportance: boolean;
}

export interface PlanSummary {
  readonly input: string;
  readonly scheme: string;
  readonly weights: number;
  readonly sourceBytes: number;
  /** Tensor bytes and codebooks; the header and padding come on top. */
  readonly bytes: number;
  readonly bitsPerWeight: number;
  readonly fallbacks: number;
  /** Worker threads, and the bound of resident memory with that many. */
  readonly threads: number;
  readonly peakMemory: number;
  readonly encodings: readonly EncodingShare[];
  readonly ruleHits: readonly RuleHits[];
  readonly warnings: readonly string[];
  /** How a mix for a size came to be, in a sentence. */
  readonly mixed?: string;
  /** In output order. */
  readonly tensors: readonly PlannedTensor[];
}

function planned({ tensor, codec, layout, tables, byteLength, importance, reason }: TensorPlan): PlannedTensor {
  const weights = elementCount(tensor.shape);
  const learned = learnedBytes({ tensor, codec, ...(tables !== undefined && { tables }) });
  return {
    ...{ name: tensor.name, shape: tensor.shape, weights, from: tensor.codec, codec, layout },
    ...(tables !== undefined && { tables }),
    ...{ byteLength, codebookBytes: learned, bitsPerWeight: (8 * (byteLength + learned)) / weights },
    ...{ reason: reasonText(reason), isFallback: isFallback(reason), hasImportance: importance !== undefined },
  };
}

/**
 * Sums a plan up.
 * @param memory what the engine will take (`planMemory`)
 */
export function summarizePlan(plan: Plan, memory: MemoryPlan): PlanSummary {
  const tensors = plan.tensors.map(planned);
  const sum = (value: (tensor: PlannedTensor) => number): number => tensors.reduce((total, t) => total + value(t), 0);
  const weights = sum((tensor) => tensor.weights);
  const bytes = sum((tensor) => tensor.byteLength + tensor.codebookBytes);
  return {
    input: plan.model.path,
    scheme: plan.scheme,
    weights,
    sourceBytes: plan.model.files.reduce((total, file) => total + file.byteLength, 0),
    bytes,
    bitsPerWeight: weights === 0 ? 0 : (8 * bytes) / weights,
    fallbacks: tensors.filter((tensor) => tensor.isFallback).length,
    threads: memory.threads,
    peakMemory: memory.peakBytes,
    encodings: encodingShares(tensors),
    ruleHits: plan.ruleHits,
    ...(plan.mixed !== undefined && { mixed: plan.mixed }),
    warnings: plan.warnings,
    tensors,
  };
}
