/**
 * Carries out a plan: hands the work to the threads, puts the results together, writes the headers last, and reads back
 * what was written. The main thread schedules and counts; it never sees a weight.
 */
import type { Plan, TensorPlan } from "../plan/plan.ts";
import { isFallback, reasonText } from "../plan/reason.ts";
import { learnedBytes } from "../plan/table-count.ts";
import { elementCount } from "../read/model.ts";
import { storedBytes, storedCodebookBytes } from "../read/read-tensor.ts";
import { combineHashes, formatHash } from "../verify/xxh64.ts";
import { requireEvaluation } from "../evaluate/budget.ts";
import { requireQuality } from "../verify/budget.ts";
import type { ManifestFacts } from "../container/manifest.ts";
import type { ConversionStep, StepTools, WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions, ConversionReport, TensorReport, Totals } from "./conversion.types.ts";
import { jobsOf } from "../engine/tensor-jobs.ts";
import { isCopy } from "../plan/plan.ts";
import { textSteps, withOutput, type TakenOutput } from "../write/atomic-output.ts";
import { planOutputHeader, type HeaderOptions } from "../write/output-header.ts";
import { openOutputSet, type OutputSet } from "../write/output-set.ts";
import { planMemory, type MemoryPlan } from "../engine/plan-memory.ts";
import { pooledQuality, qualityOf, type TensorResult } from "../engine/results.ts";
import { announce } from "../engine/run-options.ts";
import { runTasks, type KnownResults } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import { readBack, reopen } from "./read-back.ts";
import type { PlannedCodebooks } from "./written-model.ts";
import { journalLines, journalOf, knownResults } from "./resumption.ts";
import { requireUnchangedSource } from "./unchanged-source.ts";

/**
 * Converts every tensor of a plan into a new GGUF file.
 * @param outputPath the file to write; it appears when everything went well, and not before
 * @param engine started with the same options, for this run only
 * @param steps what to do with the written tensors, one after the other
 * @throws QuantizeError: `output-exists`, `io`, `no-room`, `bad-data`, `budget`, `damaged`; failures of a worker as it
 * threw them
 */
export async function runConversion(
  plan: Plan,
  outputPath: string,
  options: ConversionOptions,
  engine: Engine,
  steps: readonly ConversionStep[] = [],
): Promise<ConversionReport> {
  const { manifestFile: path, force = false } = options;
  const convert = (manifest?: TakenOutput) => convertInto(plan, outputPath, manifest, options, engine, steps);
  return path === undefined ? convert() : withOutput({ path, force }, convert);
}

async function convertInto(
  plan: Plan,
  outputPath: string,
  manifestOutput: TakenOutput | undefined,
  options: ConversionOptions,
  engine: Engine,
  steps: readonly ConversionStep[],
): Promise<ConversionReport> {
  const start = performance.now();
  const { verify = "kernels", force = false, resume = false } = options;
  const header = planOutputHeader(plan, ...headerOptions(options, steps));
  const memory = planMemory(plan, options);
  const journal = { ...journalOf(plan.model, header.planHash, outputPath), resume };
  const output = openOutputSet(plan, header, outputPath, { force, journal });
  try {
    const known = await knownResults(plan, output, header.planHash, options, engine);
    const convert = (known?: KnownResults) => writeTensors(plan, output, memory, known, options, engine);
    const plain = await convert(known);
    const facts = { output, memory, options, engine };
    const plainReport = reportOf(plain, {}, facts);
    requireQuality(plainReport.tensors, options, plainReport);
    const { written, manifest, ...found } = await takeSteps(steps, plain, {
      engine,
      convert: () => convert(),
    });
    const report = reportOf(written, found.report, facts);
    if (report.evaluation?.comparison && options.evaluation) {
      requireEvaluation(report.output, report.evaluation.comparison, options.evaluation, report);
    }
    const finished = header.finish({
      tensors: report.tensors.map(manifestTensor),
      codebooks: written.codebooks,
      sourceHash: report.sourceHash,
      manifest,
    });
    output.writeHeaders(finished.bytes);
    announce(options, "finish");
    await output.sync();
    const reopened = await reopen(plan, output);
    if (verify !== "off") await readBack(reopened, finished.manifest, options, engine);
    await requireUnchangedSource(written, options, engine);
    options.signal?.throwIfAborted();
    output.commit();
    await manifestOutput?.write(textSteps(`${JSON.stringify(finished.manifest, null, 2)}\n`));
    return { ...report, seconds: (performance.now() - start) / 1000 };
  } finally {
    output.discard();
  }
}

/** What the header needs to know of the options, and of what steps will add. */
function headerOptions(
  options: ConversionOptions,
  steps: readonly ConversionStep[],
): [options: HeaderOptions, factsDraft: ManifestFacts] {
  return steps.reduce<[HeaderOptions, ManifestFacts]>(
    ([stated, facts], { header, manifestDraft }) => [
      { ...stated, ...header },
      { ...facts, ...manifestDraft },
    ],
    [options, {}],
  );
}

/** Hands all tensors to the workers. @param known what an earlier run has done of them */
async function writeTensors(
  plan: Plan,
  { files, note, wrote }: OutputSet,
  { threads, bandBytes, fitBytes }: MemoryPlan,
  known: KnownResults | undefined,
  { verify = "kernels", effort = "normal", onProgress, signal }: ConversionOptions,
  { pool, backend, module: compiled }: Engine,
): Promise<WrittenTensors> {
  const module = await compiled;
  await pool.shrink(threads);
  const { results, codebooks, fittedCodebooks } = await runTasks(pool, {
    setup: {
      backend,
      ...(module === undefined ? {} : { module }),
      bandBytes,
      fitBytes,
      files: plan.model.files,
      writtenFiles: [],
      outputPaths: files.map(({ temporaryPath }) => temporaryPath),
      jobs: jobsOf(
        plan,
        files.map(({ dataStart }) => dataStart),
      ),
      verify,
      effort,
    },
    ...(known && { known }),
    onResult: (result) => note(journalLines(result)),
    phase: "convert",
    jobBytes: plan.tensors.map((tensor) => tensor.byteLength),
    onBytes: wrote,
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  // Tensors that are copied keep the codebooks they have.
  const withStored = (learned: PlannedCodebooks): PlannedCodebooks =>
    plan.tensors.map((planned, i) => (isCopy(planned) ? planned.tensor.codebooks : learned[i]));
  return {
    ...{ plan, files, results },
    codebooks: withStored(codebooks),
    fittedCodebooks: withStored(fittedCodebooks),
  };
}

/** What all steps together left behind. */
interface Outcome {
  readonly written: WrittenTensors;
  readonly manifest: ManifestFacts;
  readonly report: Partial<ConversionReport>;
}

async function takeSteps(
  steps: readonly ConversionStep[],
  written: WrittenTensors,
  tools: StepTools,
): Promise<Outcome> {
  let outcome: Outcome = { written, manifest: {}, report: {} };
  for (const step of steps) {
    const { manifest, report, ...changed } = await step.run(outcome.written, tools);
    const warnings = [...(outcome.report.warnings ?? []), ...(report?.warnings ?? [])];
    outcome = {
      written: { ...outcome.written, ...changed },
      manifest: { ...outcome.manifest, ...manifest },
      report: { ...outcome.report, ...report, warnings },
    };
  }
  return outcome;
}

/** What a report says beside what became of the tensors. */
interface ReportFacts {
  readonly output: OutputSet;
  readonly memory: MemoryPlan;
  readonly options: ConversionOptions;
  readonly engine: Engine;
}

/** @param found by steps: it goes into the report as it is */
function reportOf(
  { plan, results }: WrittenTensors,
  found: Partial<ConversionReport>,
  { output, memory, options, engine }: ReportFacts,
): ConversionReport {
  const { files, byteLength, notes } = output;
  const { calibration } = found;
  const errors = new Map(
    calibration?.isKept ? calibration.tensors.map(({ name, outputError }) => [name, outputError]) : [],
  );
  const tensors = plan.tensors.map((planned, index) =>
    tensorReport(planned, results[index]!, errors.get(planned.tensor.name)),
  );
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
