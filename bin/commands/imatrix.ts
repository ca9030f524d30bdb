/** `quantize imatrix`: importance of columns, as llama-imatrix measures it. */
import { Command, Option } from "commander";
import { QuantizeError } from "../../src/errors.ts";
import type { ImatrixContents, ImatrixOptions } from "../../src/jobs/imatrix.types.ts";
import { measureImatrix } from "../../src/jobs/measure-imatrix.ts";
import { mergeImatrices } from "../../src/jobs/merge-imatrices.ts";
import { imatrixText } from "../../src/report/imatrix-text.ts";
import { runOnEngine } from "../convert.ts";
import { chunksOption, contextOption } from "../evaluation-options.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";
import { addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

interface ImatrixFlags extends RunFlags, Omit<ImatrixOptions, "input" | keyof RunFlags> {}

async function measureOrMerge(input: string | undefined, flags: ImatrixFlags): Promise<ImatrixContents> {
  const { text, output, format, context, chunks, seed, processOutput, merge } = flags;
  const target = { output, ...(format && { format }), ...(flags.force && { force: true }) };
  if (input === undefined) {
    if (merge === undefined) throw new QuantizeError("usage", "no model given to measure, and no --merge <file...>");
    if (text !== undefined) throw new QuantizeError("usage", "--text needs a model to measure");
    return mergeImatrices({ inputs: merge, ...target });
  }
  const wanted: ImatrixOptions = {
    ...conversionOptionsOf(flags),
    ...target,
    input,
    ...(text !== undefined && { text }),
    ...(context !== undefined && { context }),
    ...(chunks !== undefined && { chunks }),
    ...(seed !== undefined && { seed }),
    ...(processOutput && { processOutput }),
    ...(merge && { merge }),
  };
  return runOnEngine(flags, (ears) => measureImatrix({ ...wanted, ...ears }));
}

async function run(input: string | undefined, flags: ImatrixFlags): Promise<void> {
  const report = await measureOrMerge(input, flags);
  if (flags.json) printJson(report);
  else if (!flags.quiet) print(imatrixText(report, stdoutView(flags)));
}

export function imatrixCommand(): Command {
  const command = new Command("imatrix")
    .description(
      "Measures which columns of each matrix matter, with llama-imatrix's sums, counts and names, for --imatrix here " +
        "and in llama-quantize.",
    )
    .argument("[model]", "a .gguf (also split), or a Hugging Face folder; not needed to merge files")
    .requiredOption("-o, --output <file>", "the importance file to write")
    .option("--text <file>", "a text (default: the model writes its own, at temperature 1)")
    .addOption(contextOption("512, of the model's own text 128"))
    .addOption(chunksOption("all, of the model's own text 64"))
    .addOption(
      new Option("--seed <n>", "of the model's own text (default: 0)").argParser(options.parseInteger(0, 2 ** 32 - 1)),
    )
    .option("--process-output", "measure output.weight too")
    .option("--merge <files...>", "add up importance files of the same model, with the measurement if there is one")
    .addOption(new Option("--format <format>", "of the file (default: gguf)").choices(["gguf", "dat"]))
    .addOption(options.forceOption());
  return addRunOptions(command).action(run);
}
