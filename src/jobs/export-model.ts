/** Turns a file with codebooks into one that other programs load. */
import { convertModel, type ConvertOptions } from "./convert-model.ts";
import type { ConversionReport } from "./conversion.types.ts";
import { withEngine } from "../engine/start-engine.ts";
import { planExport, type ExportPlanOptions } from "../plan/plan-export.ts";
import type { Model } from "../read/model.ts";

/** `input` is a file with tensors in a codebook type. */
export interface ExportOptions extends ConvertOptions, ExportPlanOptions {}

/**
 * Encodes codebook tensors anew in stock types, puts packed tensors back into rows, and copies all others. The report's
 * errors are against the codebook file: `verify` tells them against the original.
 * @throws QuantizeError as `quantize`, and `usage` when there is nothing to export
 */
export async function exportModel(options: ExportOptions): Promise<ConversionReport> {
  const plan = (model: Model) => planExport(model, options);
  return withEngine(options, (engine) => convertModel(options, plan, engine));
}
