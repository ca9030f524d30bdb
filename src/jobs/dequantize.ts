/** Turns a quantized file back into floats, so that any other program can read it. */
import { withEngine } from "../engine/start-engine.ts";
import { convertModel, type ConvertOptions } from "./convert-model.ts";
import type { ConversionReport } from "./conversion.types.ts";
import { planDequantize, type FloatType } from "../plan/plan-dequantize.ts";
import type { Model } from "../read/model.ts";

export interface DequantizeOptions extends ConvertOptions {
  /** Float type of every tensor that was quantized; tensors that are floats already stay as they are. Default `f16`. */
  readonly to?: FloatType;
}

/** Decodes every quantized tensor of a file. With `f32` the numbers are exactly those the blocks stand for. */
export async function dequantize(options: DequantizeOptions): Promise<ConversionReport> {
  const plan = (model: Model) => planDequantize(model, options.to ?? "f16");
  return withEngine(options, (engine) => convertModel(options, plan, engine));
}
