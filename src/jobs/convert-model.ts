/** What every job that writes a file has in common: open, plan, convert. */
import { announce } from "../engine/run-options.ts";
import type { ConversionStep } from "./conversion-step.ts";
import { conversionSteps } from "./conversion-steps.ts";
import type { ConversionOptions, ConversionReport } from "./conversion.types.ts";
import { runConversion } from "./run-conversion.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { Plan } from "../plan/plan.ts";
import type { Model } from "../read/model.ts";
import { withFileLog } from "../read/file-log.ts";
import { openModel } from "../open/open-model.ts";

/** Where from and where to, beside the options of the run. */
export interface ConvertOptions extends ConversionOptions {
  readonly input: string;
  readonly output: string;
  /** How text is cut (`tokenizer.ggml.pre`), where the input is a Hugging Face folder; default: as its files say. */
  readonly preTokenizer?: string;
}

/**
 * Opens a model while threads start, plans what becomes of it, and carries that out.
 * @param engine started with the same options, for this run only
 * @param steps what to do with the written tensors before the files get their names, after what the options ask for
 */
export async function convertModel(
  options: ConvertOptions,
  plan: (model: Model) => Plan | Promise<Plan>,
  engine: Engine,
  steps: readonly ConversionStep[] = [],
): Promise<ConversionReport> {
  const { preTokenizer } = options;
  return withFileLog(async () => {
    announce(options, "open");
    const model = await openModel(options.input, preTokenizer === undefined ? {} : { preTokenizer });
    announce(options, "plan");
    const planned = await plan(model);
    const all = [...(await conversionSteps(planned, options.output, options)), ...steps];
    return runConversion(planned, options.output, options, engine, all);
  });
}
