/** From what the workers found to the report of a conversion. */
import type { Engine } from "../engine/start-engine.ts";
import type { MemoryPlan } from "../engine/plan-memory.ts";
import { pooledQuality, qualityOf, type TensorResult } from "../engine/results.ts";
import { isCopy, type Plan, type TensorPlan } from "../plan/plan.ts";
import { isFallback, reasonText } from "../plan/reason.ts";
import { learnedBytes } from "../plan/table-count.ts";
import { elementCount } from "../read/model.ts";
import { storedBytes, storedCodebookBytes } from "../read/read-tensor.ts";
import { combineHashes, formatHash } from "../verify/xxh64.ts";
import type { OutputSet } from "../write/output-set.ts";
import type { ConversionOptions, ConversionReport, TensorReport, Totals } from "./conversion.types.ts";

/** All but what later steps add. @param results of each tensor of the plan */
export function conversionReport(
  plan: Plan,
  results: readonly TensorResult[],
  { files, byteLength }: Pick<OutputSet, "files" | "byteLength">,
  { threads, peakBytes }: MemoryPlan,
  { verify = "kernels" }: ConversionOptions,
  { backend }: Pick<Engine, "backend">,
): ConversionReport {
  const tensors = plan.tensors.map((planned, index) => tensorReport(planned, results[index]!));
  return {
    input: plan.model.path,
    output: files[0]!.path,
    ...(files.length > 1 && { outputs: files.map(({ path }) => path) }),
    fileBytes: byteLength,
    scheme: plan.scheme,
    ruleHits: plan.ruleHits,
    sourceHash: sourceHashOf(plan, results),
    tensors,
    totals: totalsOf(plan, tensors, results),
    verify,
    backend,
    threads,
    plannedMemory: peakBytes,
    ...(plan.mixed !== undefined && { mixed: plan.mixed }),
    warnings: plan.warnings,
    seconds: 0,
  };
}

function tensorReport(planned: TensorPlan, result: TensorResult): TensorReport {
  const { tensor, codec, layout, tables, byteLength, reason } = planned;
  const weights = elementCount(tensor.shape);
  const bookBytes = learnedBytes(planned);
  const quality = qualityOf(result);
  const { outputError } = result;
  return {
    name: tensor.name,
    shape: tensor.shape,
    weights,
    from: { codec: tensor.codec, layout: tensor.layout },
    to: { codec, layout },
    ...(tables === undefined ? {} : { tables }),
    byteLength,
    codebookBytes: bookBytes,
    bitsPerWeight: (8 * (byteLength + bookBytes)) / weights,
    ...(quality === undefined ? {} : { quality }),
    ...(outputError === undefined ? {} : { outputError }),
    reason: reasonText(reason),
    isFallback: isFallback(reason),
    sourceHash: formatHash(result.sourceHash),
    hash: formatHash(result.hash),
    seconds: result.seconds,
  };
}

/** What the manifest keeps of a report. */
export function manifestTensor(report: TensorReport) {
  const { name, to, shape, byteLength, hash, sourceHash, tables, quality, outputError, reason } = report;
  return {
    name,
    ...to,
    shape: [...shape],
    bytes: byteLength,
    hash,
    sourceHash,
    ...(tables === undefined ? {} : { tables }),
    ...(quality === undefined ? {} : { quality }),
    ...(outputError === undefined ? {} : { outputError }),
    reason,
  };
}

function totalsOf(
  { tensors: planned }: Plan,
  tensors: readonly TensorReport[],
  results: readonly TensorResult[],
): Totals {
  const sum = (value: (report: TensorReport) => number): number => tensors.reduce((total, t) => total + value(t), 0);
  const weights = sum((tensor) => tensor.weights);
  const bytes = sum((tensor) => tensor.byteLength + tensor.codebookBytes);
  return {
    weights,
    tensors: tensors.length,
    encodedTensors: planned.filter((tensor) => !isCopy(tensor)).length,
    fallbacks: tensors.filter((tensor) => tensor.isFallback).length,
    sourceBytes: planned.reduce((total, { tensor }) => total + storedBytes(tensor) + storedCodebookBytes(tensor), 0),
    bytes,
    bitsPerWeight: (8 * bytes) / weights,
    ...pooledQuality(results.map((result, index) => ({ ...result, codec: planned[index]!.codec }))),
  };
}

/** Hash of the model that was read: over its tensors in the order of the input. */
export function sourceHashOf({ model, tensors }: Plan, results: readonly TensorResult[]): string {
  const hashes = new Map(tensors.map(({ tensor }, index) => [tensor.name, results[index]!.sourceHash]));
  return formatHash(combineHashes(model.tensors.map(({ name }) => hashes.get(name) ?? 0n)));
}
