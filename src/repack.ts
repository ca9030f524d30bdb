/** Changes the memory order of an already quantized file, without touching a value. */
import { announce } from "./engine/announce.ts";
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { runConversion } from "./engine/run-conversion.ts";
import { planConversion } from "./plan/plan-conversion.ts";
import { COPY } from "./plan/schemes.ts";
import { openModel } from "./read/open-model.ts";

export interface RepackOptions extends ConversionOptions {
  readonly input: string;
  readonly output: string;
  /**
   * A layout name, or `auto:<cpu>`; `rows` unpacks. Tensors that cannot take it, and those that are read row by row,
   * stay (or go back) in rows, and are reported.
   */
  readonly layout: string;
}

/** Packs a file: `unpack` gives back the very same tensor bytes. */
export async function pack(options: RepackOptions): Promise<ConversionReport> {
  const { input, output, layout } = options;
  announce(options, "open");
  const model = await openModel(input);
  announce(options, "plan");
  const plan = planConversion(model, { scheme: COPY, layout });
  const isPacked = layout === "rows" || plan.tensors.some((planned) => planned.layout !== "rows");
  const warnings = isPacked ? plan.warnings : [...plan.warnings, `nothing was packed: no tensor comes in ${layout}`];
  return runConversion({ ...plan, warnings }, output, options);
}

/** Undoes `pack`. */
export async function unpack(options: Omit<RepackOptions, "layout">): Promise<ConversionReport> {
  return pack({ ...options, layout: "rows" });
}
