/**
 * Carries out a plan: starts the workers, hands out the work, puts the results together, writes the header last.
 * The main thread schedules and counts; it never sees a weight.
 */
import { availableParallelism } from "node:os";
import { QuantizeError } from "../errors.ts";
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
import { runTasks, type TaskResults } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { CalibrationReport, PlannedCodebooks, PreparedCalibration } from "./calibrate-conversion.ts";
import { compareTensors } from "./compare-tensors.ts";
import { writtenModel, type WrittenFiles } from "./written-model.ts";
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
  const calibrating = options.calibration && (await prepareCalibration(plan, outputPath, options));
  const header = planOutputHeader(plan, {
    ...options,
    findingsDraft: {
      ...(calibrating && { calibration: calibrating.draft }),
      ...(evaluating && { evaluation: evaluating.draft }),
    },
    ...(calibrating && { calibrate: calibrating.choices, calibrated: calibrating.calibrated }),
  });
  const outputs = outputSet(plan, header, outputPath, options.force ?? false);
  outputs.check();
  const memory = planMemory(plan, options);

  const write = async (temporaryPaths: readonly string[]) => {
    const module = await engine.module;
    const dataStarts = outputs.files.map((file) => file.header.byteLength);
    const convert = async (): Promise<TaskResults> => {
      await pool.shrink(memory.threads);
      return runTasks(pool, {
        setup: {
          backend,
          ...(module === undefined ? {} : { module }),
          bandBytes: memory.bandBytes,
          fitBytes: memory.fitBytes,
          files: plan.model.files,
          writtenFiles: [],
          outputPaths: temporaryPaths,
          jobs: jobsOf(plan, dataStarts),
          verify,
          effort,
        },
        phase: "convert",
        jobBytes: plan.tensors.map((tensor) => tensor.byteLength),
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
      });
    };
    const files = outputs.files.map(({ byteLength }, i) => {
      return { path: temporaryPaths[i]!, dataStart: dataStarts[i]!, byteLength };
    });
    const plain = await convert();
    const calibrated = calibrating && (await calibrate(plan, calibrating, plain, convert, files, options, engine));
    const { results, codebooks: allBooks } = calibrated ?? {
      results: plain.results,
      codebooks: withStored(plan, plain.codebooks),
    };
    const errors = new Map(
      calibrated?.report.isKept ? calibrated.report.tensors.map(({ name, outputError }) => [name, outputError]) : [],
    );
    const tensors = plan.tensors.map((planned, index) =>
      tensorReport(planned, results[index]!, errors.get(planned.tensor.name)),
    );
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
      ...(plan.mixed !== undefined && { mixed: plan.mixed }),
      warnings: [...plan.warnings, ...calibrationWarnings(calibrated?.report)],
      ...(calibrated && { calibration: calibrated.report }),
      seconds: (performance.now() - start) / 1000,
    };
    requireQuality(tensors, options, report);
    const evaluation = await evaluating?.run(files, allBooks, engine);
    const result = { ...report, ...(evaluation && { evaluation }) };
    if (evaluation?.comparison) requireEvaluation(report.output, evaluation.comparison, options.evaluation!, result);
    const headers = header.bytes({
      tensors: tensors.map(manifestTensor),
      codebooks: allBooks,
      sourceHash: report.sourceHash,
      findings: {
        ...(calibrated?.report.isKept && { calibration: calibrating!.manifestEntry(calibrated.report) }),
        ...(evaluation && { evaluation: evaluating!.manifestEntry(evaluation) }),
      },
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

async function prepareCalibration(
  plan: Plan,
  output: string,
  options: ConversionOptions,
): Promise<PreparedCalibration> {
  const { maxNmse, minCosine, calibration, ...run } = options;
  if (maxNmse !== undefined || minCosine !== undefined) {
    throw new QuantizeError(
      "usage",
      "NMSE and cosine are no measure of calibrated tensors, their errors grow where the model gets better: " +
        "bound what the model loses, with --eval <text> --max-kld <x>",
    );
  }
  const { prepareConversionCalibration } = await import("./calibrate-conversion.ts");
  return prepareConversionCalibration(plan, output, calibration!, run);
}

/** The codebooks that a file will have: those that were learned, and those of tensors that are copied. */
function withStored(plan: Plan, learned: PlannedCodebooks): PlannedCodebooks {
  return plan.tensors.map((planned, i) => (isCopy(planned) ? planned.tensor.codebooks : learned[i]));
}

/**
 * Calibrates the plain conversion that is in the files, and looks at what came out; where the plain codes are better after
 * all, they are written again.
 */
async function calibrate(
  plan: Plan,
  calibrating: PreparedCalibration,
  plain: TaskResults,
  convert: () => Promise<TaskResults>,
  files: WrittenFiles,
  options: ConversionOptions,
  engine: Engine,
): Promise<{ report: CalibrationReport; results: readonly TensorResult[]; codebooks: PlannedCodebooks }> {
  const { verify = "kernels" } = options;
  const [own, fitted] = [withStored(plan, plain.codebooks), withStored(plan, plain.fittedCodebooks)];
  const { report, codebooks } = await calibrating.run(files, own, fitted, engine);
  await engine.pool.restart(options.threads ?? availableParallelism());
  if (!report.isKept) {
    const again = await convert();
    return { report, results: again.results, codebooks: withStored(plan, again.codebooks) };
  }
  const written = writtenModel(plan, files[0]!.path, files, codebooks);
  const positions = plan.tensors.flatMap(({ tensor }, i) => (calibrating.calibrated.has(tensor.name) ? [i] : []));
  const pairs = positions.map((i) => ({ written: written.tensors[i]!, tensor: plan.tensors[i]!.tensor }));
  const level = verify === "off" ? "weights" : verify;
  const both = { written: written.files, original: plan.model.files };
  const compared = await compareTensors(pairs, both, level, "compare", options, engine);
  const results = [...plain.results];
  for (const [n, position] of positions.entries()) {
    const { sums, products, ...unchecked } = compared.results[n]!;
    const checked = { ...unchecked, ...(sums && { sums }), ...(products && { products }) };
    const { seconds } = results[position]!;
    results[position] = { ...(verify === "off" ? unchecked : checked), seconds: seconds + unchecked.seconds };
  }
  return { report, results, codebooks };
}

/** What people should know of a calibration. */
function calibrationWarnings(report: CalibrationReport | undefined): string[] {
  if (report === undefined || report.isKept) return [];
  const { divergence, plainDivergence } = report;
  const found = `${divergence.value.toPrecision(3)} against ${plainDivergence.value.toPrecision(3)}`;
  return [
    `calibrated codes were not better than plain ones on text that was held back (KL ${found}): the plain ones stand`,
  ];
}

function tensorReport(planned: TensorPlan, result: TensorResult, outputError: number | undefined): TensorReport {
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
    ...(outputError === undefined ? {} : { outputError }),
    reason: reasonText(reason),
    isFallback: isFallback(reason),
    sourceHash: formatHash(result.sourceHash),
    hash: formatHash(result.hash),
    seconds: result.seconds,
  };
}

/** What the manifest keeps of a report. */
function manifestTensor(report: TensorReport) {
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
function sourceHashOf({ model, tensors }: Plan, results: readonly TensorResult[]): string {
  const hashes = new Map(tensors.map(({ tensor }, index) => [tensor.name, results[index]!.sourceHash]));
  return formatHash(combineHashes(model.tensors.map(({ name }) => hashes.get(name) ?? 0n)));
}
