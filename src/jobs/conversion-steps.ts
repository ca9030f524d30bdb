/** The steps that the options of a conversion ask for. Forward pass and tokenizer are loaded only for them. */
import { QuantizeError } from "../errors.ts";
import type { Plan } from "../plan/plan.ts";
import type { ConversionStep } from "./conversion-step.ts";
import type { ConversionOptions } from "./conversion.types.ts";

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
