/** Turns a quantized file back into floats, so that any other program can read it. */
import { announce } from "./engine/announce.ts";
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { runConversion } from "./engine/run-conversion.ts";
import { planDequantize } from "./plan/plan-dequantize.ts";
import { openModel } from "./read/open-model.ts";

export interface DequantizeOptions extends ConversionOptions {
  readonly input: string;
  readonly output: string;
  /** Float type of every tensor that was quantized; tensors that are floats already stay as they are. Default `f16`. */
  readonly to?: "f16" | "bf16" | "f32";
}

/** Decodes every quantized tensor of a file. With `f32` the numbers are exactly those the blocks stand for. */
export async function dequantize(options: DequantizeOptions): Promise<ConversionReport> {
  announce(options, "open");
  const model = await openModel(options.input);
  announce(options, "plan");
  return runConversion(planDequantize(model, options.to ?? "f16"), options.output, options);
}
