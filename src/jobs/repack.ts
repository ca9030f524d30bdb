/** Changes the memory order of an already quantized file, without touching a value. */
import { withEngine } from "../engine/start-engine.ts";
import { convertModel, type ConvertOptions } from "./convert-model.ts";
import type { ConversionReport } from "./conversion.types.ts";
import { planConversion } from "../plan/plan-conversion.ts";
import type { Plan } from "../plan/plan.ts";
import { COPY } from "../plan/recipes/schemes.ts";
import type { Model } from "../read/model.ts";

export interface RepackOptions extends ConvertOptions {
  /**
   * A layout name, or `auto:<cpu>`; `rows` unpacks. Tensors that cannot take it, and those that are read row by row,
   * stay (or go back) in rows, and are reported.
   */
  readonly layout: string;
}

function planRepacking(model: Model, layout: string): Plan {
  // With the input's files and order of tensors, so that unpacking gives the same files back.
  const plan = planConversion(model, { scheme: COPY, layout, keepSplit: true });
  const isPacked = layout === "rows" || plan.tensors.some((planned) => planned.layout !== "rows");
  return isPacked
    ? plan
    : { ...plan, warnings: [...plan.warnings, `nothing was packed: no tensor comes in ${layout}`] };
}

/**
 * Packs a file, or the files of a set: `unpack` gives back the very same tensor bytes, and with `manifest: false` the very
 * same files, where they were GGUF of version 3.
 */
export async function pack(options: RepackOptions): Promise<ConversionReport> {
  const plan = (model: Model) => planRepacking(model, options.layout);
  return withEngine(options, (engine) => convertModel(options, plan, engine));
}

/** Undoes `pack`. */
export async function unpack(options: Omit<RepackOptions, "layout">): Promise<ConversionReport> {
  return pack({ ...options, layout: "rows" });
}
