/** The main job: open a float checkpoint, plan, convert, verify, report. */
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { announce } from "./engine/announce.ts";
import { runConversion } from "./engine/run-conversion.ts";
import { withEngine, type Engine } from "./engine/start-engine.ts";
import { planConversion } from "./plan/plan-conversion.ts";
import type { PlanOptions } from "./plan/plan.types.ts";
import { openModel } from "./read/open-model.ts";

/** What to convert and how: the options of the plan beside those of the run. */
export interface QuantizeOptions extends ConversionOptions, PlanOptions {
  /** A .gguf (also split), a .safetensors, or a Hugging Face folder. */
  readonly input: string;
  /** Path of the GGUF to write. */
  readonly output: string;
}

/**
 * Converts a checkpoint into a smaller one and proves what it wrote.
 * @param engine started with the same options, for this run only; absent: one of its own
 * @returns what became of each tensor; the output file is complete and synced by then
 * @throws QuantizeError of code `budget` when a quality bound was missed (its cause is the report), and any other code
 * as `errors.ts` says
 */
export async function quantize(options: QuantizeOptions, engine?: Engine): Promise<ConversionReport> {
  const work = async (own: Engine): Promise<ConversionReport> => {
    announce(options, "open");
    const model = await openModel(options.input);
    announce(options, "plan");
    return runConversion(planConversion(model, options), options.output, options, own);
  };
  return withEngine(options, work, engine);
}
