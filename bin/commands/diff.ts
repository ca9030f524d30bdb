/** `quantize diff`: two model files beside each other; exit code 1 when they differ, as diff(1). */
import { Command } from "commander";
import { diffModels } from "../../src/jobs/diff-models.ts";
import { diffText } from "../../src/report/diff-text.ts";
import { runOnEngine } from "../convert.ts";
import { localModel } from "../local-model.ts";
import { print, printJson, stdoutView } from "../output.ts";
import { addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

export function diffCommand(): Command {
  const command = new Command("diff")
    .description("Compares two model files tensor by tensor. Exit code 0: the same, 1: they differ.")
    .argument("<a>", "a model file, quantized or not")
    .argument("<b>", "another");
  return addRunOptions(command).action(async (first: string, second: string, flags: RunFlags) => {
    const [a, b] = [await localModel(first, flags), await localModel(second, flags)];
    const difference = await runOnEngine(flags, (engine) =>
      diffModels({ ...conversionOptionsOf(flags), a, b, ...engine }),
    );
    if (!difference.isSame) process.exitCode = 1;
    const view = stdoutView(flags);
    if (flags.json) printJson(difference);
    else if (!flags.quiet) print(diffText(difference, view));
  });
}
