/**
 * Carries out a plan: hands the work to the threads, takes further steps with what was written, writes the header last.
 * The main thread schedules and counts; it never sees a weight.
 */
import { QuantizeError } from "../errors.ts";
import { requireEvaluation } from "../evaluate/budget.ts";
import { planMemory, type MemoryPlan } from "../engine/plan-memory.ts";
import { runTasks } from "../engine/run-tasks.ts";
import type { Engine } from "../engine/start-engine.ts";
import { jobsOf } from "../engine/tensor-jobs.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import { requireQuality } from "../verify/budget.ts";
import { planOutputHeader } from "../write/output-header.ts";
import { outputSet } from "../write/output-set.ts";
import type { PreparedCalibration } from "./calibrate-conversion.ts";
import { conversionReport, manifestTensor } from "./conversion-report.ts";
import type { WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions, ConversionReport } from "./conversion.types.ts";
import type { PreparedEvaluation } from "./evaluate-conversion.ts";
import type { PlannedCodebooks, WrittenFiles } from "./written-model.ts";

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
  const evaluating = options.evaluation && (await prepareEvaluation(plan, outputPath, options));
  const calibrating = options.calibration && (await prepareCalibration(plan, outputPath, options));
  const header = planOutputHeader(plan, {
    ...options,
    findingsDraft: { ...calibrating?.manifestDraft, ...(evaluating && { evaluation: evaluating.draft }) },
    ...(calibrating && { calibrate: calibrating.choices, calibrated: calibrating.calibrated }),
  });
  const outputs = outputSet(plan, header, outputPath, options.force ?? false);
  outputs.check();
  const memory = planMemory(plan, options);

  const report = await outputs.write(async (temporaryPaths) => {
    const files = outputs.files.map(({ header: { byteLength: dataStart }, byteLength }, i) => {
      return { path: temporaryPaths[i]!, dataStart, byteLength };
    });
    const write = (): Promise<WrittenTensors> => writeTensors(plan, files, memory, options, engine);
    const plain = await write();
    const outcome = await calibrating?.run(plain, engine, write);
    const { results, codebooks } = { ...plain, ...outcome };
    const converted = conversionReport(plan, results, outputs, memory, options, engine);
    const warnings = [...converted.warnings, ...(outcome?.report?.warnings ?? [])];
    const before = { ...converted, ...outcome?.report, warnings, seconds: (performance.now() - start) / 1000 };
    requireQuality(before.tensors, options, before);
    const evaluation = await evaluating?.run(files, codebooks, engine);
    const result = { ...before, ...(evaluation && { evaluation }) };
    if (evaluation?.comparison) requireEvaluation(result.output, evaluation.comparison, options.evaluation!, result);
    const headers = header.bytes({
      tensors: result.tensors.map(manifestTensor),
      codebooks,
      sourceHash: result.sourceHash,
      findings: { ...outcome?.manifest, ...(evaluation && { evaluation: evaluating!.manifestEntry(evaluation) }) },
    });
    return { result, headers };
  });
  calibrating?.done?.();
  return { ...report, seconds: (performance.now() - start) / 1000 };
}

/** Hands all tensors to the workers. */
async function writeTensors(
  plan: Plan,
  files: WrittenFiles,
  { threads, bandBytes, fitBytes }: MemoryPlan,
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
      outputPaths: files.map(({ path }) => path),
      jobs: jobsOf(
        plan,
        files.map(({ dataStart }) => dataStart),
      ),
      verify,
      effort,
    },
    phase: "convert",
    jobBytes: plan.tensors.map((tensor) => tensor.byteLength),
    ...(onProgress === undefined ? {} : { onProgress }),
    ...(signal === undefined ? {} : { signal }),
  });
  const all = (learned: PlannedCodebooks): PlannedCodebooks =>
    plan.tensors.map((planned, i) => (isCopy(planned) ? planned.tensor.codebooks : learned[i]));
  return { plan, files, results, codebooks: all(codebooks), fittedCodebooks: all(fittedCodebooks) };
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
  if (options.maxNmse !== undefined || options.minCosine !== undefined) {
    throw new QuantizeError(
      "usage",
      "NMSE and cosine are no measure of calibrated tensors, their errors grow where the model gets better: " +
        "bound what the model loses, with --eval <text> --max-kld <x>",
    );
  }
  const { prepareConversionCalibration } = await import("./calibrate-conversion.ts");
  return prepareConversionCalibration(plan, output, options.calibration!, options);
}
