/** The main job: open a float checkpoint, plan, convert, verify, report. */
import { convertModel, type ConvertOptions } from "./convert-model.ts";
import type { ConversionReport } from "./conversion.types.ts";
import { withEngine } from "../engine/start-engine.ts";
import { planConversion } from "../plan/plan-conversion.ts";
import type { PlanOptions } from "../plan/plan.ts";
import type { Model } from "../read/model.ts";

/**
 * What to convert and how: the options of the plan beside those of the run. `input` is a .gguf (also split), a
 * .safetensors, or a Hugging Face folder.
 */
export interface QuantizeOptions extends ConvertOptions, PlanOptions {}

/**
 * Converts a checkpoint into a smaller one and proves what it wrote.
 * @returns what became of each tensor; the output file is complete and synced by then
 * @throws QuantizeError of code `budget` when a quality bound was missed (its cause is the report), and any other code
 * as `errors.ts` says
 */
export async function quantize(options: QuantizeOptions): Promise<ConversionReport> {
  const plan = (model: Model) => planConversion(model, options);
  return withEngine(options, (engine) => convertModel(options, plan, engine));
}
