/** Turns a file with codebooks into one that other programs load. */
import { convertModel, type ConvertOptions } from "./convert-model.ts";
import type { ConversionReport } from "./conversion.types.ts";
import type { Engine } from "../engine/start-engine.ts";
import { planExport, type ExportPlanOptions } from "../plan/plan-export.ts";

/** `input` is a file with tensors in a codebook type. */
export interface ExportOptions extends ConvertOptions, ExportPlanOptions {}

/**
 * Encodes codebook tensors anew in stock types, puts packed tensors back into rows, and copies all others. The report's
 * errors are against the codebook file: `verify` tells them against the original.
 * @param engine as for `quantize`
 * @throws QuantizeError as `quantize`, and `usage` when there is nothing to export
 */
export async function exportModel(options: ExportOptions, engine?: Engine): Promise<ConversionReport> {
  return convertModel(options, (model) => planExport(model, options), engine);
}
