/** Checks a finished file: its bytes against its manifest, its weights and products against the float model. */
import type { QualityBudget, RunOptions, VerificationReport, VerifyLevel } from "./engine/conversion.types.ts";
import { QuantizeError } from "./errors.ts";

export interface VerifyOptions extends RunOptions, QualityBudget {
  /** The quantized file. */
  readonly input: string;
  /** The model it was made from. */
  readonly against: string;
  /** Default `kernels`. */
  readonly verify?: Exclude<VerifyLevel, "off">;
}

/**
 * Compares a quantized file with its original.
 * @throws QuantizeError of code `budget` when bytes are damaged or a quality bound is missed
 */
export async function verify(options: VerifyOptions): Promise<VerificationReport> {
  throw new QuantizeError("unsupported", `verification of ${options.input} is not wired up yet`);
}
