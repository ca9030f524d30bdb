/** `quantize sensitivity`: what quantizing each tensor alone costs the model. */
import { Command, Option } from "commander";
import { measureSensitivity, type SensitivityOptions } from "../../src/jobs/measure-sensitivity.ts";
import { sensitivityText } from "../../src/report/sensitivity-text.ts";
import { textSteps, withOutput } from "../../src/write/atomic-output.ts";
import { runOnEngine } from "../convert.ts";
import { candidatesOption } from "../mix-options.ts";
import { localModel } from "../local-model.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";
import { addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

interface SensitivityFlags extends RunFlags, Omit<SensitivityOptions, "input" | "imatrix" | keyof RunFlags> {
  readonly output?: string;
  readonly revision?: string;
}

async function run(input: string, flags: SensitivityFlags): Promise<void> {
  const { output, candidates, text, tokens, context, seed, allowRequantize, force = false } = flags;
  const wanted: SensitivityOptions = {
    ...conversionOptionsOf(flags),
    input: await localModel(input, flags),
    ...(candidates && { candidates }),
    ...(text !== undefined && { text }),
    ...(tokens !== undefined && { tokens }),
    ...(context !== undefined && { context }),
    ...(seed !== undefined && { seed }),
    ...(allowRequantize && { allowRequantize }),
  };
  const measure = () => runOnEngine(flags, (ears) => measureSensitivity({ ...wanted, ...ears }));
  const sensitivity = await (output === undefined
    ? measure()
    : withOutput({ path: output, force }, async (file) => {
        const measured = await measure();
        await file.write(textSteps(`${JSON.stringify(measured, null, 1)}\n`));
        return measured;
      }));
  if (flags.json) printJson(sensitivity);
  else if (!flags.quiet) print(sensitivityText(sensitivity, stdoutView(flags)));
}

export function sensitivityCommand(): Command {
  const command = new Command("sensitivity")
    .description(
      "Measures what quantizing each tensor alone costs the model, and what each type does to it: what --target-bpw and " +
        "--target-size choose types from. Many targets cost one measurement.",
    )
    .argument("<model>", options.MODEL_HELP)
    .option("-o, --output <file.json>", "keep the measurement, for --sensitivity")
    .addOption(candidatesOption())
    .option("--text <file>", "a text (default: the model writes its own, at temperature 1)")
    .addOption(
      new Option("--tokens <n>", "tokens that each tensor is measured on (default: 3072)").argParser(
        options.parseInteger(1),
      ),
    )
    .addOption(
      new Option("--context <n>", "tokens of a window (default: 128)").argParser(options.parseInteger(8, 2 ** 20)),
    )
    .addOption(
      new Option("--seed <n>", "of the model's own text (default: 1)").argParser(options.parseInteger(0, 2 ** 32 - 1)),
    )
    .option("--allow-requantize", "take tensors for the original that are quantized already")
    .addOption(options.effortOption())
    .addOption(options.revisionOption())
    .addOption(options.forceOption());
  return addRunOptions(command).action(run);
}
