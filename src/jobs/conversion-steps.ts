/** The steps that the options of a conversion ask for. Forward pass and tokenizer are loaded only for them. */
import { availableParallelism } from "node:os";
import { QuantizeError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import type { CalibrationReport, PreparedCalibration } from "./calibrate-conversion.ts";
import { compareTensors } from "./compare-tensors.ts";
import type { ConversionStep, StepOutcome, StepTools, WrittenTensors } from "./conversion-step.ts";
import type { ConversionOptions } from "./conversion.types.ts";
import { writtenModel } from "./written-model.ts";

/**
 * Prepares the steps of a plan, in their order: everything that can be checked before the work is.
 * @param output the path that people know the file by
 * @throws QuantizeError as `prepareConversionCalibration` and `prepareConversionEvaluation`
 */
export async function conversionSteps(
  plan: Plan,
  output: string,
  options: ConversionOptions,
): Promise<ConversionStep[]> {
  return [
    ...(options.calibration === undefined ? [] : [await calibrationStep(plan, output, options)]),
    ...(options.evaluation === undefined ? [] : [await evaluationStep(plan, output, options)]),
  ];
}

async function evaluationStep(plan: Plan, output: string, options: ConversionOptions): Promise<ConversionStep> {
  const { prepareConversionEvaluation } = await import("./evaluate-conversion.ts");
  const evaluating = prepareConversionEvaluation(plan, output, options.evaluation!, options);
  return {
    manifestDraft: { evaluation: evaluating.draft },
    async run({ files, codebooks }, { engine }) {
      const evaluation = await evaluating.run(files, codebooks, engine);
      return { manifest: { evaluation: evaluating.manifestEntry(evaluation) }, report: { evaluation } };
    },
  };
}

async function calibrationStep(plan: Plan, output: string, options: ConversionOptions): Promise<ConversionStep> {
  const { maxNmse, minCosine, calibration, ...run } = options;
  if (maxNmse !== undefined || minCosine !== undefined) {
    throw new QuantizeError(
      "usage",
      "NMSE and cosine are no measure of calibrated tensors, their errors grow where the model gets better: " +
        "bound what the model loses, with --eval <text> --max-kld <x>",
    );
  }
  const { prepareConversionCalibration } = await import("./calibrate-conversion.ts");
  const calibrating = prepareConversionCalibration(plan, output, calibration!, run);
  const { choices: calibrate, calibrated } = calibrating;
  return {
    manifestDraft: { calibration: calibrating.draft },
    header: { calibrate, calibrated },
    run: (written, tools) => calibrateWritten(written, tools, calibrating, options),
  };
}

/**
 * Calibrates the plain conversion that is in the files, and looks at what came out; where the plain codes are better after
 * all, they are written again.
 */
async function calibrateWritten(
  written: WrittenTensors,
  { engine, convert }: StepTools,
  calibrating: PreparedCalibration,
  options: ConversionOptions,
): Promise<StepOutcome> {
  const { plan, files } = written;
  const { verify = "kernels" } = options;
  const { report, codebooks } = await calibrating.run(files, written.codebooks, written.fittedCodebooks, engine);
  await engine.pool.restart(options.threads ?? availableParallelism());
  if (!report.isKept) {
    const { results, codebooks: plain } = await convert();
    return { results, codebooks: plain, report: { calibration: report, warnings: [plainWarning(report)] } };
  }
  const model = writtenModel(plan, files[0]!.path, files, codebooks);
  const positions = plan.tensors.flatMap(({ tensor }, i) => (calibrating.calibrated.has(tensor.name) ? [i] : []));
  const pairs = positions.map((i) => ({ written: model.tensors[i]!, tensor: plan.tensors[i]!.tensor }));
  const level = verify === "off" ? "weights" : verify;
  const both = { written: model.files, original: plan.model.files };
  const compared = await compareTensors(pairs, both, level, "compare", options, engine);
  const results = [...written.results];
  for (const [n, position] of positions.entries()) {
    const { sums, products, ...unchecked } = compared.results[n]!;
    const checked = { ...unchecked, ...(sums && { sums }), ...(products && { products }) };
    const { seconds } = results[position]!;
    results[position] = { ...(verify === "off" ? unchecked : checked), seconds: seconds + unchecked.seconds };
  }
  const manifest = { calibration: calibrating.manifestEntry(report) };
  return { results, codebooks, manifest, report: { calibration: report } };
}

/** What people should know of a calibration that was in vain. */
function plainWarning({ divergence, plainDivergence }: CalibrationReport): string {
  const found = `${divergence.value.toPrecision(3)} against ${plainDivergence.value.toPrecision(3)}`;
  return `calibrated codes were not better than plain ones on text that was held back (KL ${found}): the plain ones stand`;
}
