/**
 * Calibrates what a conversion has written, before the file gets its name: the codes of its matrices are chosen anew
 * against what the model computes, and kept when the model as a whole is better for it.
 */
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import type { Effort } from "../../codecs/codec.ts";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { CALIBRATION_METHODS, describeMethod } from "../calibrate/calibration-method.ts";
import {
  calibrationSize,
  readCalibrationText,
  writeCalibrationText,
  type CalibrationSource,
} from "../calibrate/calibration-text.ts";
import { OWN_TEXT, type CalibrationChoices } from "../plan/recipes/calibration-choices.ts";
import { planCalibration } from "../calibrate/plan-calibration.ts";
import { runCalibration, type CalibratedTensor } from "../calibrate/run-calibration.ts";
import { LONGEST_NUMBER, type Manifest } from "../container/manifest.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { runEvaluation } from "../evaluate/run-evaluation.ts";
import type { Estimate } from "../evaluate/statistics.ts";
import type { Windows } from "../evaluate/windows.ts";
import { matricesOf } from "../forward/weights.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import type { FileInTheMaking } from "../write/output-set.ts";
import { writtenModel, type PlannedCodebooks } from "./written-model.ts";

/** What became of a calibration. */
export interface CalibrationReport {
  readonly source: CalibrationSource;
  readonly method: string;
  readonly tensors: readonly CalibratedTensor[];
  /** Mean KL divergence from the source on windows that were held back: of plain rounding, and of the calibrated codes. */
  readonly plainDivergence: Estimate;
  readonly divergence: Estimate;
  /** False: plain rounding was better, and stands. */
  readonly isKept: boolean;
  readonly plannedMemory: number;
  readonly plannedDisk: number;
  /** Writing text, rounding, judging. */
  readonly seconds: { readonly text: number; readonly calibration: number; readonly judging: number };
}

type ManifestCalibration = NonNullable<Manifest["calibration"]>;

/** What is known before the work, and what to do after the plain conversion. */
export interface PreparedCalibration {
  /** What a recipe says of it: the same again gives the same bytes. */
  readonly choices: CalibrationChoices;
  /** Names of the tensors that are calibrated. */
  readonly calibrated: ReadonlySet<string>;
  /** The manifest's entry with the longest numbers there are. */
  readonly draft: ManifestCalibration;
  /**
   * @param plain codebooks as they are written without calibration, `fitted` as they were learned; of each tensor of the
   * plan, slice by slice
   * @returns the codebooks of the calibrated tensors, by position in the plan, where codes were kept
   */
  run(
    files: readonly FileInTheMaking[],
    plain: PlannedCodebooks,
    fitted: PlannedCodebooks,
    engine: Engine,
  ): Promise<{ readonly report: CalibrationReport; readonly codebooks: PlannedCodebooks }>;
  manifestEntry(report: CalibrationReport): ManifestCalibration;
}

/** Matrices whose codes can be chosen against the model: those in the layers, and an output that is no embedding too. */
function calibratedTensors(plan: Plan, source: PreparedModel): Set<string> {
  const { embedding } = source.weights;
  const inModel = new Set(matricesOf(source.weights).map(({ tensor }) => tensor.name));
  inModel.delete(embedding.tensor.name);
  return new Set(
    plan.tensors.flatMap((planned) => {
      const format = findFormat(planned.codec)!;
      const isChosen = isCodebookFormat(format) || format.levels !== undefined;
      return isChosen && !isCopy(planned) && inModel.has(planned.tensor.name) ? [planned.tensor.name] : [];
    }),
  );
}

/**
 * Checks everything that can be checked before weights are converted.
 * @throws QuantizeError `usage`, `unsupported` (an unknown architecture, no vocabulary), `no-room`, `io`
 */
export function prepareConversionCalibration(
  plan: Plan,
  output: string,
  choices: CalibrationChoices,
  options: RunOptions & { readonly effort?: Effort },
): PreparedCalibration {
  const { threads = availableParallelism(), effort = "normal" } = options;
  const method = CALIBRATION_METHODS[effort];
  const source = prepareModel(plan.model);
  const calibrated = calibratedTensors(plan, source);
  if (calibrated.size === 0) {
    throw new QuantizeError("usage", "nothing to calibrate: no matrix gets a type whose codes are chosen one by one");
  }
  const planned = prepareModel(writtenModel(plan, output, [], []));
  const given = readCalibrationText(source, choices, method);
  const size = calibrationSize(source, choices, method);
  const { context } = size;
  const count = given?.windows.count ?? size.count;
  planCalibration(source, planned, calibrated, { context, count }, method, { ...options, threads });
  const longest: Estimate = { value: LONGEST_NUMBER, error: LONGEST_NUMBER };
  const { seed = 1 } = choices;
  const known = given?.source ?? { text: OWN_TEXT, seed, context, tokens: count * context };
  const entry = (divergence: Estimate, plainDivergence: Estimate): ManifestCalibration => ({
    ...known,
    text: known.text === OWN_TEXT ? OWN_TEXT : basename(known.text),
    method: describeMethod(method),
    plainDivergence,
    divergence,
  });
  return {
    choices: known,
    calibrated,
    draft: entry(longest, longest),
    manifestEntry: ({ divergence, plainDivergence }) => entry(divergence, plainDivergence),
    async run(files, plain, fitted, engine) {
      const start = performance.now();
      // Buffers of the conversion were not planned beside those of the passes: its threads end first.
      await engine.pool.restart(threads);
      const text = given ?? (await writeCalibrationText(source, choices, method, options, engine));
      const textSeconds = seconds(start);
      const judge = async (codebooks: PlannedCodebooks, windows: Windows): Promise<Estimate> => {
        await engine.pool.restart(threads);
        const tested = prepareModel(writtenModel(plan, output, files, codebooks));
        const run = await runEvaluation({ tested, base: source, arithmetic: "kernels", windows }, options, engine);
        return run.comparison!.divergence.mean;
      };
      const judging = performance.now();
      const plainDivergence = await judge(plain, text.heldBack);
      const plainSeconds = seconds(judging);

      await engine.pool.restart(threads);
      const result = prepareModel(writtenModel(plan, output, files, fitted));
      const run = await runCalibration(source, result, calibrated, text.windows, method, options, engine);
      const codebooks = plan.tensors.map(({ tensor: { name } }, index) => {
        if (!calibrated.has(name)) return plain[index];
        return result.model.tensors.find((tensor) => tensor.name === name)!.codebooks;
      });
      const after = performance.now();
      const divergence = await judge(codebooks, text.heldBack);
      const isKept = divergence.value < plainDivergence.value;
      const report: CalibrationReport = {
        source: text.source,
        method: describeMethod(method),
        tensors: run.tensors,
        plainDivergence,
        divergence,
        isKept,
        plannedMemory: run.plan.peakBytes,
        plannedDisk: run.plan.diskBytes,
        seconds: { text: textSeconds, calibration: run.seconds, judging: plainSeconds + seconds(after) },
      };
      return { report, codebooks: isKept ? codebooks : plain };
    },
  };
}

const seconds = (start: number): number => (performance.now() - start) / 1000;
