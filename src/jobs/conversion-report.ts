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
import type { WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions, ConversionReport, TensorReport, Totals } from "./conversion.types.ts";

/** What a report says beside what became of the tensors. */
export interface ReportFacts {
  readonly output: Pick<OutputSet, "files" | "byteLength" | "notes">;
  readonly memory: MemoryPlan;
  readonly options: ConversionOptions;
  readonly engine: Pick<Engine, "backend">;
}

/**
 * @param written `results` of each tensor of the plan
 * @param found by steps: it goes into the report as it is; warnings come last
 */
export function conversionReport(
  { plan, results }: Pick<WrittenTensors, "plan" | "results">,
  found: Partial<ConversionReport>,
  { output, memory, options, engine }: ReportFacts,
): ConversionReport {
  const { files, byteLength, notes } = output;
  const tensors = plan.tensors.map((planned, index) => tensorReport(planned, results[index]!));
  const overflows = tensors.filter(({ quality }, i) => results[i]!.products && quality?.kernelError === undefined);
  const outOfRange = overflows.map(({ name }) => `${name}: products of its weights are beyond the range of f32`);
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
    verify: options.verify ?? "kernels",
    backend: engine.backend,
    threads: memory.threads,
    plannedMemory: memory.peakBytes,
    seconds: 0,
    ...(plan.mixed !== undefined && { mixed: plan.mixed }),
    ...found,
    warnings: [...plan.warnings, ...outOfRange, ...notes, ...(found.warnings ?? [])],
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
