/** The main job: open a float checkpoint, plan, convert, verify, report. */
import type { ConversionOptions, ConversionReport } from "./engine/conversion.types.ts";
import { QuantizeError } from "./errors.ts";

/** What `quantize` needs to know: the options of the plan (scheme, layout, rules, ...) come beside these. */
export interface QuantizeOptions extends ConversionOptions {
  /** A .gguf (also split), a .safetensors, or a Hugging Face folder. */
  readonly input: string;
  /** Path of the GGUF to write. */
  readonly output: string;
}

/**
 * Converts a checkpoint into a smaller one and proves what it wrote.
 * @returns what became of each tensor; the output file is complete and synced by then
 * @throws QuantizeError of code `budget` when a quality bound was missed, and any other code as `errors.ts` says
 */
export async function quantize(options: QuantizeOptions): Promise<ConversionReport> {
  throw new QuantizeError("unsupported", `conversion of ${options.input} is not wired up yet`);
}
