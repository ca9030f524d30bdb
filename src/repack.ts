/** Changes the memory order of an already quantized file, without touching a value. */
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { QuantizeError } from "./errors.ts";

export interface RepackOptions extends ConversionOptions {
  readonly input: string;
  readonly output: string;
  /** A layout name; `rows` unpacks. Tensors that cannot take it stay (or go back) in rows, and are reported. */
  readonly layout: string;
}

/** Packs a file: `unpack` gives back the very same bytes. */
export async function pack(options: RepackOptions): Promise<ConversionReport> {
  throw new QuantizeError("unsupported", `packing ${options.input} is not wired up yet`);
}

/** Undoes `pack`. */
export async function unpack(options: Omit<RepackOptions, "layout">): Promise<ConversionReport> {
  return pack({ ...options, layout: "rows" });
}
