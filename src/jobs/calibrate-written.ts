/** The work of a calibration on what a conversion has written: text, plain rounding judged, rounding, the result judged. */
import {
  beginJournal,
  openJournal,
  prepareJournal,
  recordPlain,
  restoreSteps,
  type Journal,
  type JournalIdentity,
} from "../calibrate/calibration-journal.ts";
import { describeMethod, type CalibrationMethod } from "../calibrate/calibration-method.ts";
import { ownText, writeCalibrationText, type CalibrationText } from "../calibrate/calibration-text.ts";
import { makeStats, runCalibration, type CalibrationRun } from "../calibrate/run-calibration.ts";
import type { TensorResult } from "../engine/results.ts";
import type { Engine } from "../engine/start-engine.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { runEvaluation } from "../evaluate/run-evaluation.ts";
import type { Estimate } from "../evaluate/statistics.ts";
import type { Windows } from "../evaluate/windows.ts";
import type { Plan } from "../plan/plan.ts";
import type { CalibrationChoices } from "../plan/recipes/calibration-choices.ts";
import type { JournalPlace } from "../rounding/journal.types.ts";
import { toolVersion } from "../text/version.ts";
import { combineHashes, formatHash } from "../verify/xxh64.ts";
import { calibrationWarnings } from "./calibration-warnings.ts";
import type { CalibrationReport } from "./calibration.types.ts";
import { compareCalibrated } from "./compare-calibrated.ts";
import { sourceHashOf } from "./conversion-report.ts";
import type { StepTools, WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions } from "./conversion.types.ts";
import { writtenModel, type PlannedCodebooks } from "./written-model.ts";

/** What is known before the work. */
export interface CalibrationJob {
  readonly plan: Plan;
  /** The path that people know the file by. */
  readonly output: string;
  readonly source: PreparedModel;
  /** Names of the tensors that are calibrated. */
  readonly calibrated: ReadonlySet<string>;
  readonly method: CalibrationMethod;
  /** Columns of a part at most. */
  readonly mostColumns: number;
  /** What a recipe says of it. */
  readonly choices: CalibrationChoices;
  /** The text; absent: the model writes it. */
  readonly given?: CalibrationText;
  readonly threads: number;
  readonly options: ConversionOptions;
}

/** What became of it: the tensors as they are now. */
export interface CalibratedFile {
  readonly report: CalibrationReport;
  readonly warnings: readonly string[];
  readonly outcome: Pick<WrittenTensors, "results" | "codebooks">;
}

export async function calibrateWritten(
  job: CalibrationJob,
  written: WrittenTensors,
  { engine, convert }: StepTools,
): Promise<CalibratedFile> {
  const { output, method, mostColumns, options } = job;
  const identity = identityOf(job, written.results);
  const journal = await openJournal(output, identity, options);
  const [text, textSeconds] = await freshly(job, engine, () => textOf(job, journal, engine));
  if (!journal.isBegun) beginJournal(journal, identity, job.given === undefined ? tokensOf(text) : undefined);

  const judge = (codebooks: PlannedCodebooks) =>
    freshly(job, engine, () => divergenceOf(job, written, codebooks, text.heldBack, engine));
  const [plainDivergence, plainSeconds] = await (journal.plainDivergence === undefined
    ? judge(written.codebooks)
    : ([journal.plainDivergence, 0] as const));
  if (journal.plainDivergence === undefined) recordPlain(journal, plainDivergence);

  const [rounded] = await freshly(job, engine, () => roundWritten(job, written, text.windows, journal, engine));
  const { run, codebooks } = rounded;
  const [divergence, judgingSeconds] = await judge(codebooks);
  const { all, ...seconds } = run.seconds;
  const report: CalibrationReport = {
    source: text.source,
    method: describeMethod(method),
    tensors: run.tensors,
    plainDivergence,
    divergence,
    isKept: divergence.value < plainDivergence.value,
    resumedSteps: journal.steps.length,
    threads: run.plan.threads,
    plannedMemory: run.plan.peakBytes,
    plannedDisk: run.plan.diskBytes,
    seconds: { text: textSeconds, calibration: all, ...seconds, judging: plainSeconds + judgingSeconds },
  };
  const warnings = calibrationWarnings(report, mostColumns, run.cutTensors);
  const [outcome] = await freshly(job, engine, async () => {
    if (!report.isKept) return convert();
    return { results: await compareCalibrated(written, codebooks, report, options, engine), codebooks };
  });
  return { report, warnings, outcome: { results: outcome.results, codebooks: outcome.codebooks } };
}

/** Does something on new threads, since the buffers of what came before were not planned beside its own. */
async function freshly<T>(
  { threads }: CalibrationJob,
  { pool }: Engine,
  work: () => Promise<T>,
): Promise<readonly [value: T, seconds: number]> {
  const start = performance.now();
  await pool.restart(threads);
  const value = await work();
  return [value, (performance.now() - start) / 1000];
}

/** What must be the same to go on with a calibration. */
function identityOf({ plan, method, choices }: CalibrationJob, results: readonly TensorResult[]): JournalIdentity {
  const { isAsymmetric, descents, candidates } = method;
  return {
    program: toolVersion(),
    source: sourceHashOf(plan, results),
    method: JSON.stringify({ isAsymmetric, descents, candidates }),
    text: JSON.stringify(choices),
    // Last, since it follows from much that has a name of its own.
    conversion: formatHash(combineHashes(results.map(({ hash }) => hash))),
  };
}

async function textOf(
  { source, choices, method, given, options }: CalibrationJob,
  { tokens }: Journal,
  engine: Engine,
): Promise<CalibrationText> {
  if (given !== undefined) return given;
  if (tokens !== undefined) return ownText(tokens, source, choices, method);
  return writeCalibrationText(source, choices, method, options, engine);
}

function tokensOf({ windows, heldBack }: CalibrationText): Int32Array {
  const tokens = new Int32Array(windows.targets.length + heldBack.targets.length);
  tokens.set(windows.targets);
  tokens.set(heldBack.targets, windows.targets.length);
  return tokens;
}

/** Mean KL divergence of what is written from the source. */
async function divergenceOf(
  { plan, output, source, options }: CalibrationJob,
  { files }: WrittenTensors,
  codebooks: PlannedCodebooks,
  windows: Windows,
  engine: Engine,
): Promise<Estimate> {
  const tested = prepareModel(writtenModel(plan, output, files, codebooks));
  const run = await runEvaluation({ tested, base: source, arithmetic: "kernels", windows }, options, engine);
  return run.comparison!.divergence.mean;
}

/** Rounds the matrices in the files, from where the journal left off. */
async function roundWritten(
  { plan, output, source, calibrated, method, mostColumns, options }: CalibrationJob,
  { files, codebooks: plain, fittedCodebooks }: WrittenTensors,
  windows: Windows,
  journal: Journal,
  engine: Engine,
): Promise<{ readonly run: CalibrationRun; readonly codebooks: PlannedCodebooks }> {
  const result = prepareModel(writtenModel(plan, output, files, fittedCodebooks));
  const input = { source, result, calibrated, method };
  const stats = makeStats(input);
  const states = (method.isAsymmetric ? 2 : 1) * windows.count;
  prepareJournal(journal, result, calibrated, states * windows.context * source.hyper.width * 4);
  const place: JournalPlace = {
    ...restoreSteps(journal, result, stats, true),
    windowHashes: new BigUint64Array(new SharedArrayBuffer(8 * states)),
  };
  const run = await runCalibration(input, stats, windows, place, { ...options, mostColumns }, engine);
  const codebooks = plan.tensors.map(({ tensor: { name } }, index) => {
    if (!calibrated.has(name)) return plain[index];
    return result.model.tensors.find((tensor) => tensor.name === name)!.codebooks;
  });
  return { run, codebooks };
}
