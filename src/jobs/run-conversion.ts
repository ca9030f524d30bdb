/**
 * Carries out a plan: hands the work to the threads, puts the results together, writes the headers last, and reads back
 * what was written. The main thread schedules and counts; it never sees a weight.
 */
import type { ManifestFacts } from "../container/manifest.ts";
import { planMemory, type MemoryPlan } from "../engine/plan-memory.ts";
import { announce } from "../engine/run-options.ts";
import { runTasks, type KnownResults } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import { jobsOf } from "../engine/tensor-jobs.ts";
import { QuantizeError } from "../errors.ts";
import { requireEvaluation } from "../evaluate/budget.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import { requireQuality } from "../verify/budget.ts";
import { textSteps, withOutput, type TakenOutput } from "../write/atomic-output.ts";
import { planOutputHeader, type HeaderOptions } from "../write/output-header.ts";
import { openOutputSet, type OutputSet } from "../write/output-set.ts";
import { conversionReport, manifestTensor } from "./conversion-report.ts";
import type { ConversionStep, StepTools, WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions, ConversionReport } from "./conversion.types.ts";
import { readBack, reopen } from "./read-back.ts";
import { journalLines, journalOf, knownResults } from "./resumption.ts";
import { requireUnchangedSource } from "./unchanged-source.ts";
import type { PlannedCodebooks } from "./written-model.ts";

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
  let isRefused = false;
  try {
    const known = await knownResults(plan, output, header.planHash, options, engine);
    const convert = (known?: KnownResults) => writeTensors(plan, output, memory, known, options, engine);
    const plain = await convert(known);
    const facts = { output, memory, options, engine };
    const plainReport = conversionReport(plain, {}, facts);
    requireQuality(plainReport.tensors, options, plainReport);
    const tools = { engine, convert: () => convert() };
    const { written, manifest, ...found } = await takeSteps(steps, plain, tools).catch((error: unknown) => {
      // Where a step refuses to go on with what it began, what was written for it is no work to go on with either.
      isRefused = error instanceof QuantizeError && error.code === "incompatible";
      throw error;
    });
    const report = conversionReport(written, found.report, facts);
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
    for (const step of steps) step.done?.();
    await manifestOutput?.write(textSteps(`${JSON.stringify(finished.manifest, null, 2)}\n`));
    return { ...report, seconds: (performance.now() - start) / 1000 };
  } finally {
    output.discard(!isRefused);
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
