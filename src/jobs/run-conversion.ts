/**
 * Carries out a plan: starts the workers, hands out the work, puts the results together, writes the header last.
 * The main thread schedules and counts; it never sees a weight.
 */
import type { Plan, TensorPlan } from "../plan/plan.ts";
import { isFallback, reasonText } from "../plan/reason.ts";
import { learnedBytes } from "../plan/table-count.ts";
import { elementCount } from "../read/model.ts";
import { storedBytes, storedCodebookBytes } from "../read/read-tensor.ts";
import { combineHashes, formatHash } from "../verify/xxh64.ts";
import { requireEvaluation } from "../evaluate/budget.ts";
import { requireQuality } from "../verify/budget.ts";
import type { ConversionOptions, ConversionReport, TensorReport, Totals } from "./conversion.types.ts";
import { jobsOf } from "../engine/tensor-jobs.ts";
import { isCopy } from "../plan/plan.ts";
import { planOutputHeader } from "../write/output-header.ts";
import { outputSet } from "../write/output-set.ts";
import { planMemory } from "../engine/plan-memory.ts";
import { pooledQuality, qualityOf, type TensorResult } from "../engine/results.ts";
import { runTasks } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { PreparedEvaluation } from "./evaluate-conversion.ts";

/**
 * Converts every tensor of a plan into a new GGUF file.
 * @param outputPath the file to write; it appears when everything went well, and not before
 * @param engine started with the same options, for this run only
 * @throws QuantizeError: `output-exists`, `io`, `no-room`, `bad-data`, `budget`; failures of a worker as it threw them
 */
export async function runConversion(
  plan: Plan,
  outputPath: string,
  options: ConversionOptions,
  engine: Engine,
): Promise<ConversionReport> {
  const start = performance.now();
  const { verify = "kernels", effort = "normal", onProgress, signal } = options;
  const { pool, backend } = engine;
  const evaluating = options.evaluation && (await prepareEvaluation(plan, outputPath, options));
  const header = planOutputHeader(plan, { ...options, ...(evaluating && { evaluationDraft: evaluating.draft }) });
  const outputs = outputSet(plan, header, outputPath, options.force ?? false);
  outputs.check();
  const memory = planMemory(plan, options);
  await pool.shrink(memory.threads);

  const write = async (temporaryPaths: readonly string[]) => {
    const module = await engine.module;
    const { results, codebooks } = await runTasks(pool, {
      setup: {
        backend,
        ...(module === undefined ? {} : { module }),
        bandBytes: memory.bandBytes,
        fitBytes: memory.fitBytes,
        files: plan.model.files,
        writtenFiles: [],
        outputPaths: temporaryPaths,
        jobs: jobsOf(
          plan,
          outputs.files.map((file) => file.header.byteLength),
        ),
        verify,
        effort,
      },
      phase: "convert",
      jobBytes: plan.tensors.map((tensor) => tensor.byteLength),
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    });
    const tensors = plan.tensors.map((planned, index) => tensorReport(planned, results[index]!));
    const report: ConversionReport = {
      input: plan.model.path,
      output: outputs.files[0]!.path,
      ...(outputs.files.length > 1 && { outputs: outputs.files.map(({ path }) => path) }),
      fileBytes: outputs.byteLength,
      scheme: plan.scheme,
      ruleHits: plan.ruleHits,
      sourceHash: sourceHashOf(plan, results),
      tensors,
      totals: totalsOf(plan, tensors, results),
      verify,
      backend,
      threads: memory.threads,
      plannedMemory: memory.peakBytes,
      warnings: plan.warnings,
      seconds: (performance.now() - start) / 1000,
    };
    requireQuality(tensors, options, report);
    const allBooks = plan.tensors.map((planned, i) => (isCopy(planned) ? planned.tensor.codebooks : codebooks[i]));
    const files = outputs.files.map(({ header: { byteLength: dataStart }, byteLength }, i) => {
      return { path: temporaryPaths[i]!, dataStart, byteLength };
    });
    const evaluation = await evaluating?.run(files, allBooks, engine);
    const result = { ...report, ...(evaluation && { evaluation }) };
    if (evaluation?.comparison) requireEvaluation(report.output, evaluation.comparison, options.evaluation!, result);
    const headers = header.bytes({
      tensors: tensors.map(manifestTensor),
      codebooks: allBooks,
      sourceHash: report.sourceHash,
      ...(evaluation && { evaluation: evaluating!.manifestEntry(evaluation) }),
    });
    return { result, headers };
  };

  const report = await outputs.write(write);
  return { ...report, seconds: (performance.now() - start) / 1000 };
}

/** Loaded when it is asked for: forward pass and tokenizer are larger than all the rest. */
async function prepareEvaluation(plan: Plan, output: string, options: ConversionOptions): Promise<PreparedEvaluation> {
  const { prepareConversionEvaluation } = await import("./evaluate-conversion.ts");
  return prepareConversionEvaluation(plan, output, options.evaluation!, options);
}

function tensorReport(planned: TensorPlan, result: TensorResult): TensorReport {
  const { tensor, codec, layout, tables, byteLength, reason } = planned;
  const weights = elementCount(tensor.shape);
  const bookBytes = learnedBytes(planned);
  const quality = qualityOf(result);
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
    reason: reasonText(reason),
    isFallback: isFallback(reason),
    sourceHash: formatHash(result.sourceHash),
    hash: formatHash(result.hash),
    seconds: result.seconds,
  };
}

/** What the manifest keeps of a report. */
function manifestTensor({ name, to, shape, byteLength, hash, sourceHash, tables, quality, reason }: TensorReport) {
  return {
    name,
    ...to,
    shape: [...shape],
    bytes: byteLength,
    hash,
    sourceHash,
    ...(tables === undefined ? {} : { tables }),
    ...(quality === undefined ? {} : { quality }),
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
function sourceHashOf({ model, tensors }: Plan, results: readonly TensorResult[]): string {
  const hashes = new Map(tensors.map(({ tensor }, index) => [tensor.name, results[index]!.sourceHash]));
  return formatHash(combineHashes(model.tensors.map(({ name }) => hashes.get(name) ?? 0n)));
}
