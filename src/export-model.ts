/** Turns a file with codebooks into one that other programs load. */
import { announce } from "./engine/announce.ts";
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { runConversion } from "./engine/run-conversion.ts";
import { withEngine, type Engine } from "./engine/start-engine.ts";
import { planExport, type ExportPlanOptions } from "./plan/plan-export.ts";
import { openModel } from "./read/open-model.ts";

export interface ExportOptions extends ConversionOptions, ExportPlanOptions {
  /** A file with tensors in a codebook type. */
  readonly input: string;
  readonly output: string;
}

/**
 * Encodes codebook tensors anew in stock types, puts packed tensors back into rows, and copies all others. The report's
 * errors are against the codebook file: `verify` tells them against the original.
 * @param engine as for `quantize`
 * @throws QuantizeError as `quantize`, and `usage` when there is nothing to export
 */
export async function exportModel(options: ExportOptions, engine?: Engine): Promise<ConversionReport> {
  const work = async (own: Engine): Promise<ConversionReport> => {
    announce(options, "open");
    const model = await openModel(options.input);
    announce(options, "plan");
    return runConversion(planExport(model, options), options.output, options, own);
  };
  return withEngine(options, work, engine);
}
