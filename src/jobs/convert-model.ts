/** What every job that writes a file has in common: open, plan, convert. */
import { announce } from "../engine/run-options.ts";
import type { ConversionOptions, ConversionReport } from "./conversion.types.ts";
import { runConversion } from "./run-conversion.ts";
import type { Engine } from "../engine/start-engine.ts";
import type { Plan } from "../plan/plan.ts";
import type { Model } from "../read/model.ts";
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
 */
export async function convertModel(
  options: ConvertOptions,
  plan: (model: Model) => Plan | Promise<Plan>,
  engine: Engine,
): Promise<ConversionReport> {
  const { preTokenizer } = options;
  announce(options, "open");
  const model = await openModel(options.input, preTokenizer === undefined ? {} : { preTokenizer });
  announce(options, "plan");
  return runConversion(await plan(model), options.output, options, engine);
}
