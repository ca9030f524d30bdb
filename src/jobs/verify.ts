/** Checks a finished file: its bytes against its manifest, its weights and products against the float model. */
import { announce } from "../engine/run-options.ts";
import type { RunOptions } from "../engine/run-options.ts";
import type { VerificationReport } from "./conversion.types.ts";
import type { QualityBudget } from "../verify/quality.types.ts";
import type { ComparisonLevel } from "../verify/verify-level.ts";
import { runComparison } from "./run-comparison.ts";
import { withEngine } from "../engine/start-engine.ts";
import { findOriginal } from "../open/find-original.ts";
import { openModel } from "../open/open-model.ts";

export interface VerifyOptions extends RunOptions, QualityBudget {
  /** The quantized file. */
  readonly input: string;
  /** The model it was made from. Default: the one that its manifest names, beside it or in the current folder. */
  readonly against?: string;
  /** Default `kernels`. */
  readonly verify?: ComparisonLevel;
}

/**
 * Compares a quantized file with its original.
 * @throws QuantizeError of code `damaged` when bytes are not those of the manifest, `budget` when a quality bound is missed
 * (the cause of both is the report), `incompatible` when the two do not hold the same tensors, `usage` when the original is not named and not found
 */
export async function verify(options: VerifyOptions): Promise<VerificationReport> {
  return withEngine(options, async (engine) => {
    announce(options, "open");
    const model = await openModel(options.input);
    const original = await openModel(options.against ?? (await findOriginal(model)), { onUnknownCut: "note" });
    return runComparison(model, original, options, engine);
  });
}
