/** Evaluates a model on a text: its perplexity and, beside its original, what it lost and where. */
import { availableParallelism } from "node:os";
import { announce } from "../engine/run-options.ts";
import { withEngine, type Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import { hasBudget, requireEvaluation } from "../evaluate/budget.ts";
import { logitsFileBytes, logitsFileHead, readLogitsFile, type LogitsFile } from "../evaluate/logits-file.ts";
import { requireSameKind } from "../evaluate/match-models.ts";
import { planEvaluation } from "../evaluate/plan-evaluation.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { readTextFile } from "../evaluate/read-text.ts";
import { runEvaluation, type EvaluationInput, type EvaluationRun } from "../evaluate/run-evaluation.ts";
import {
  checkContext,
  checkWindows,
  cutWindows,
  DEFAULT_CONTEXT,
  makeWindows,
  type Windows,
} from "../evaluate/windows.ts";
import { kernelsUsed } from "../forward/kernel-use.ts";
import { scoredPositions } from "../forward/programs/score.ts";
import type { Arithmetic } from "../forward/projections.ts";
import { lookForOriginal } from "../open/find-original.ts";
import { openModel } from "../open/open-model.ts";
import type { Model } from "../read/model.ts";
import { makeTokenizer } from "../tokenizer/make-tokenizer.ts";
import { withFileLog } from "../read/file-log.ts";
import { withOutput, type TakenOutput } from "../write/atomic-output.ts";
import { writeParts } from "../write/write-all.ts";
import type { EvaluationChoices, EvaluationOptions, EvaluationOutline, EvaluationReport } from "./evaluation.types.ts";

/** Fewer scored tokens say nothing of a distribution: llama-perplexity prints no statistics of them either. */
const LEAST_COMPARED = 100;

/** A text as it goes through models, and what reports say of it. */
export interface EvaluationText {
  readonly windows: Windows;
  readonly text?: string;
  readonly textHash?: string;
}

/** Everything that is known before a weight is read. */
interface Preparation extends EvaluationText {
  readonly tested: PreparedModel;
  readonly base?: PreparedModel;
  readonly logits?: LogitsFile;
  readonly arithmetic: Arithmetic;
  readonly warnings: readonly string[];
}

/**
 * Reads and tokenizes a text, and cuts it into windows.
 * @throws QuantizeError `usage` for a text that is too short, `unsupported` for a model without a vocabulary, `io`
 */
export function readWindows(
  model: Model,
  path: string,
  { context = DEFAULT_CONTEXT, chunks }: EvaluationChoices,
): EvaluationText {
  checkContext(context);
  const { text, sha256 } = readTextFile(path);
  const tokenizer = makeTokenizer(model.metadata, model.path);
  const ids = tokenizer.encode(text, { addSpecial: true, parseSpecial: false });
  const bos = tokenizer.addsBos ? tokenizer.bos : undefined;
  return { windows: cutWindows(ids, { context, bos, chunks, where: path }), text: path, textHash: sha256 };
}

/** @throws QuantizeError `usage` when too few tokens are scored for a comparison */
export function requireEnough({ context, count }: Windows): void {
  const scored = count * scoredPositions(context).count;
  if (scored >= LEAST_COMPARED) return;
  throw new QuantizeError(
    "usage",
    `a comparison needs at least ${LEAST_COMPARED} scored tokens, ${count} windows of ${context} have ${scored}: ` +
      `take more (--chunks, --context)`,
  );
}

/** Windows of a base logits file, which must be those of the text where one is given. */
function windowsOf(logits: LogitsFile, model: Model, options: EvaluationOptions): EvaluationText {
  const { path, context, tokens } = logits;
  if (options.context !== undefined && options.context !== context) {
    throw new QuantizeError("usage", `${path}: its windows have ${context} tokens, --context says ${options.context}`);
  }
  checkContext(context);
  const tokenizer = makeTokenizer(model.metadata, model.path);
  const count = Math.min(logits.windows, options.chunks ?? Infinity);
  const windows = makeWindows(
    tokens.subarray(0, count * context),
    context,
    tokenizer.addsBos ? tokenizer.bos : undefined,
  );
  if (options.text === undefined) return { windows };
  const given = readWindows(model, options.text, { context, chunks: count });
  const { targets } = given.windows;
  const other = windows.targets.findIndex((token, i) => token !== targets[i]);
  if (other < 0) return { ...given, windows };
  throw new QuantizeError(
    "incompatible",
    `${path}: its logits are of another text than ${options.text}: token ${other} is ${windows.targets[other]}, ` +
      `expected ${targets[other] ?? "none"}`,
  );
}

function requireSameVocabulary({ path, vocabulary }: LogitsFile, { model, weights }: PreparedModel): void {
  if (vocabulary === weights.vocabulary) return;
  const expected = `expected logits of ${weights.vocabulary} tokens, as ${model.path} has them`;
  throw new QuantizeError("incompatible", `${path}: ${expected}, found ${vocabulary}`);
}

async function prepare(options: EvaluationOptions): Promise<Preparation> {
  const { against, baseLogits, text } = options;
  if (against !== undefined && baseLogits !== undefined) {
    throw new QuantizeError("usage", "--against and --base-logits both name an original: give one");
  }
  if (options.saveLogits !== undefined && baseLogits !== undefined) {
    throw new QuantizeError("usage", "logits are either read (--base-logits) or written (--save-logits)");
  }
  if (text === undefined && baseLogits === undefined) {
    throw new QuantizeError("usage", "no text given: --text <file>");
  }
  const model = await openModel(options.input);
  const tested = prepareModel(model);
  const logits = baseLogits === undefined ? undefined : readLogitsFile(baseLogits);
  if (logits !== undefined) requireSameVocabulary(logits, tested);
  const found = against !== undefined ? { path: against } : logits === undefined ? await lookForOriginal(model) : {};
  const base = found.path === undefined ? undefined : prepareModel(await openModel(found.path));
  if (base !== undefined) requireSameKind(tested, base);
  const source = logits === undefined ? readWindows(model, text!, options) : windowsOf(logits, model, options);
  const { windows } = source;
  checkWindows(tested, windows);
  const isCompared = base !== undefined || logits !== undefined;
  if (isCompared) requireEnough(windows);
  else if (hasBudget(options)) {
    throw new QuantizeError("usage", "a bound on what was lost needs an original: --against <model>");
  }
  const warnings = [...(found.warning === undefined ? [] : [found.warning]), ...contextWarnings(tested, windows)];
  return {
    ...source,
    tested,
    ...(base && { base }),
    ...(logits && { logits }),
    arithmetic: options.arithmetic ?? "kernels",
    warnings,
  };
}

/** What people should know of windows longer than a model is made for. */
export function contextWarnings({ model, hyper }: PreparedModel, { context }: Pick<Windows, "context">): string[] {
  if (context <= hyper.context) return [];
  return [`windows of ${context} tokens, while ${model.path} was made for ${hyper.context}`];
}

/** Facts that outlines and reports share. */
function factsOf({ base, logits, windows, text, arithmetic, warnings }: Preparation, { input }: EvaluationOptions) {
  return {
    input,
    ...(base && { against: base.model.path }),
    ...(logits && { baseLogits: logits.path }),
    ...(text !== undefined && { text }),
    context: windows.context,
    windows: windows.count,
    arithmetic,
    warnings,
  };
}

/**
 * Says what an evaluation will take, without reading a weight.
 * @throws QuantizeError as `evaluateModel`, as far as can be known beforehand
 */
export async function outlineEvaluation(options: EvaluationOptions): Promise<EvaluationOutline> {
  const prepared = await prepare(options);
  const { tested, base, logits, windows, arithmetic } = prepared;
  const models = base === undefined ? [tested] : [base, tested];
  const hasBase = base !== undefined || logits !== undefined;
  const plan = planEvaluation(models, windows, { threads: availableParallelism(), ...options, hasBase });
  return {
    ...factsOf(prepared, options),
    kernels: kernelsUsed(tested.weights, arithmetic),
    threads: plan.threads,
    plannedMemory: plan.peakBytes,
    plannedDisk: plan.diskBytes,
    ...(options.saveLogits !== undefined && { logitsBytes: logitsFileBytes(windows, tested.weights.vocabulary) }),
    estimatedSeconds: plan.estimatedSeconds,
  };
}

/**
 * Evaluates a model, beside its original where one is named or found.
 * @throws QuantizeError `usage` (a text that is too short, choices that contradict each other), `incompatible` (models
 * or base logits that do not belong together), `unsupported` (no vocabulary, an unknown architecture), `bad-data`
 * (logits that are not finite), `no-room`, `budget` (its cause is the report)
 */
export async function evaluateModel(options: EvaluationOptions): Promise<EvaluationReport> {
  const { saveLogits: path, force = false } = options;
  const run = (place?: TakenOutput) => withEngine(options, (engine) => evaluate(options, place, engine));
  return withFileLog(() => (path === undefined ? run() : withOutput({ path, force }, run)));
}

async function evaluate(
  options: EvaluationOptions,
  place: TakenOutput | undefined,
  engine: Engine,
): Promise<EvaluationReport> {
  const start = performance.now();
  announce(options, "open");
  const { saveLogits } = options;
  const prepared = await prepare(options);
  const { tested, base, logits, windows, arithmetic, textHash } = prepared;
  const input = { tested, ...(base && { base }), arithmetic, windows };
  const run = await (place === undefined
    ? runEvaluation({ ...input, ...(logits && { codedFile: { ...logits, mode: "read" } }) }, options, engine)
    : savingLogits(place, input, options, engine));
  const { plan, ...found } = run;
  const report: EvaluationReport = {
    ...factsOf(prepared, options),
    ...(textHash !== undefined && { textHash }),
    ...found,
    ...(saveLogits !== undefined && { savedLogits: saveLogits }),
    backend: engine.backend,
    threads: plan.threads,
    plannedMemory: plan.peakBytes,
    plannedDisk: plan.diskBytes,
    seconds: (performance.now() - start) / 1000,
  };
  if (run.comparison !== undefined) requireEvaluation(options.input, run.comparison, options, report);
  return report;
}

/** Evaluates and writes the logits of the model under test as llama-perplexity does. */
async function savingLogits(
  place: TakenOutput,
  input: EvaluationInput,
  options: EvaluationOptions,
  engine: Engine,
): Promise<EvaluationRun> {
  const { vocabulary } = input.tested.weights;
  const head = logitsFileHead(input.windows, vocabulary);
  return place.write({
    byteLength: logitsFileBytes(input.windows, vocabulary),
    write(temporaryPath) {
      writeParts(temporaryPath, [head]);
      const codedFile = { path: temporaryPath, byteOffset: head.length, mode: "write" as const };
      return runEvaluation({ ...input, codedFile }, options, engine);
    },
  });
}
