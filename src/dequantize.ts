/** Turns a quantized file back into floats, so that any other program can read it. */
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { QuantizeError } from "./errors.ts";

export interface DequantizeOptions extends ConversionOptions {
  readonly input: string;
  readonly output: string;
  /** Float type of every tensor that was quantized; tensors that are floats already stay as they are. Default `f16`. */
  readonly to?: "f16" | "bf16" | "f32";
}

/** Decodes every quantized tensor of a file. */
export async function dequantize(options: DequantizeOptions): Promise<ConversionReport> {
  throw new QuantizeError("unsupported", `dequantizing ${options.input} is not wired up yet`);
}
