/**
 * Calibrates what a conversion has written, before the file gets its name: the codes of its matrices are chosen anew
 * against what the model computes, and kept when the model as a whole is better for it.
 */
import { availableParallelism } from "node:os";
import { basename } from "node:path";
import { findFormat, isCodebookFormat } from "../../codecs/registry.ts";
import { checkJournal, removeJournal } from "../calibrate/calibration-journal.ts";
import { CALIBRATION_METHODS, describeMethod } from "../calibrate/calibration-method.ts";
import { calibrationSize, ownTextSource, readCalibrationText } from "../calibrate/calibration-text.ts";
import { calibratedMatrices, planCalibration } from "../calibrate/plan-calibration.ts";
import { LONGEST_NUMBER, type Manifest } from "../container/manifest.ts";
import { QuantizeError } from "../errors.ts";
import { prepareModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import type { Estimate } from "../evaluate/statistics.ts";
import { matricesOf } from "../forward/weights.ts";
import { isCopy, type Plan } from "../plan/plan.ts";
import { OWN_TEXT, type CalibrationChoices } from "../plan/recipes/calibration-choices.ts";
import { calibrateWritten, type CalibrationJob } from "./calibrate-written.ts";
import type { ConversionStep } from "./conversion-step.ts";
import type { ConversionOptions } from "./conversion.types.ts";
import { writtenModel } from "./written-model.ts";

type ManifestCalibration = NonNullable<Manifest["calibration"]>;

/**
 * Matrices whose codes can be chosen against the model: those in the layers but for routers, whose outputs are compared
 * and not added, and an output that is no embedding too.
 */
function calibratedTensors(plan: Plan, source: PreparedModel): Set<string> {
  const { embedding, layers } = source.weights;
  const inModel = new Set(matricesOf(source.weights).map(({ tensor }) => tensor.name));
  inModel.delete(embedding.tensor.name);
  for (const { feedForward } of layers) inModel.delete(feedForward.router?.matrix.tensor.name ?? "");
  return new Set(
    plan.tensors.flatMap((planned) => {
      const format = findFormat(planned.codec)!;
      const isChosen = isCodebookFormat(format) || format.levels !== undefined;
      return isChosen && !isCopy(planned) && inModel.has(planned.tensor.name) ? [planned.tensor.name] : [];
    }),
  );
}

/**
 * The step that calibrates; everything that can be checked before weights are converted is.
 * @param output the path that people know the file by
 * @throws QuantizeError `usage`, `unsupported` (an unknown architecture, no vocabulary), `no-room`, `io`, `output-exists`
 * where an unfinished calibration lies
 */
export function prepareConversionCalibration(
  plan: Plan,
  output: string,
  choices: CalibrationChoices,
  options: ConversionOptions,
): ConversionStep {
  const { threads = availableParallelism(), effort = "normal" } = options;
  const method = CALIBRATION_METHODS[effort];
  const source = prepareModel(plan.model);
  const calibrated = calibratedTensors(plan, source);
  if (calibrated.size === 0) {
    throw new QuantizeError("usage", "nothing to calibrate: no matrix gets a type whose codes are chosen one by one");
  }
  checkJournal(output, options);
  const task = { source, result: prepareModel(writtenModel(plan, output, [], [])), calibrated, method };
  const given = readCalibrationText(source, choices, method);
  const size = calibrationSize(source, choices, method);
  const windows = { context: size.context, count: given?.windows.count ?? size.count };
  const bounds = { ...options, threads, ...(choices.mostColumns && { mostColumns: choices.mostColumns }) };
  const { mostColumns } = planCalibration(task, windows, bounds);
  const isCut = calibratedMatrices(task).some(({ columns }) => columns > mostColumns);
  const known = { ...(given?.source ?? ownTextSource(source, choices, method)), ...(isCut && { mostColumns }) };
  const job: CalibrationJob = {
    ...{ plan, output, source, calibrated, method, mostColumns, threads, options },
    choices: known,
    ...(given && { given }),
  };
  const entry = (divergence: Estimate, plainDivergence: Estimate): ManifestCalibration => ({
    ...known,
    text: known.text === OWN_TEXT ? OWN_TEXT : basename(known.text),
    method: describeMethod(method),
    plainDivergence,
    divergence,
  });
  const longest: Estimate = { value: LONGEST_NUMBER, error: LONGEST_NUMBER };
  return {
    manifestDraft: { calibration: entry(longest, longest) },
    header: { calibrate: known, calibrated },
    async run(written, tools) {
      const { report, warnings, outcome } = await calibrateWritten(job, written, tools);
      const { isKept, divergence, plainDivergence } = report;
      return {
        ...outcome,
        report: { calibration: report, warnings },
        ...(isKept && { manifest: { calibration: entry(divergence, plainDivergence) } }),
      };
    },
    done: () => removeJournal(output),
  };
}
