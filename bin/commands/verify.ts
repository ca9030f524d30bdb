/** `quantize verify`: a finished file against its manifest and its original. */
import { Command, Option } from "commander";
import { verify } from "../../src/jobs/verify.ts";
import { COMPARISON_LEVELS, type ComparisonLevel } from "../../src/verify/verify-level.ts";
import { onEngine } from "../convert.ts";
import { localModel, localOriginal } from "../local-model.ts";
import * as options from "../options.ts";
import { addBudgetOptions, addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

interface VerifyFlags extends RunFlags {
  readonly against?: string;
  readonly level?: ComparisonLevel;
}

export function verifyCommand(): Command {
  const command = new Command("verify")
    .description(
      "Compares a quantized file with the model it was made from; exits 3 when it is damaged or too far off.",
    )
    .argument("<file>", "the quantized GGUF")
    .option(
      "--against <model>",
      `the float model: ${options.MODEL_HELP} (default: what the manifest names, beside the file or here)`,
    )
    .addOption(
      new Option("--level <level>", "decoded weights only, or products of the kernels too (default: kernels)").choices(
        COMPARISON_LEVELS,
      ),
    );
  return addRunOptions(addBudgetOptions(command)).action(async (file: string, flags: VerifyFlags) => {
    const { against, level = "kernels" } = flags;
    const input = await localModel(file, flags);
    const wanted = { ...conversionOptionsOf(flags), input, ...(await localOriginal(against, flags)), verify: level };
    await onEngine(flags, (engine) => verify({ ...wanted, ...engine }));
  });
}
