/** `quantize eval`: perplexity, and what a model lost beside its original. */
import { Command } from "commander";
import { evaluateModel, outlineEvaluation } from "../../src/jobs/evaluate-model.ts";
import type { EvaluationOptions } from "../../src/jobs/evaluation.types.ts";
import { evaluationOutlineText } from "../../src/report/evaluation-text.ts";
import { onEngine } from "../convert.ts";
import {
  addEvaluationBudgetOptions,
  arithmeticOption,
  chunksOption,
  contextOption,
  evaluationBudgetOf,
  evaluationChoicesOf,
} from "../evaluation-options.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";
import { addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

interface EvalFlags extends RunFlags, Omit<EvaluationOptions, "input" | keyof RunFlags> {
  readonly dryRun?: boolean;
}

async function run(input: string, flags: EvalFlags): Promise<void> {
  const { text, against, baseLogits, saveLogits } = flags;
  const wanted: EvaluationOptions = {
    ...conversionOptionsOf(flags),
    ...evaluationChoicesOf(flags),
    ...evaluationBudgetOf(flags),
    input,
    ...(text !== undefined && { text }),
    ...(against !== undefined && { against }),
    ...(baseLogits !== undefined && { baseLogits }),
    ...(saveLogits !== undefined && { saveLogits }),
  };
  if (flags.dryRun) {
    const outline = await outlineEvaluation(wanted);
    if (flags.json) printJson(outline);
    else print(evaluationOutlineText(outline, stdoutView(flags)));
    return;
  }
  await onEngine(flags, (ears) => evaluateModel({ ...wanted, ...ears }));
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .description(
      "Measures perplexity on a text and, beside the original, what llama-perplexity --kl-divergence measures, the " +
        "same definitions; and where in the model it is lost.",
    )
    .argument("<file>", "the model: a .gguf (also split), or a Hugging Face folder")
    .option("--text <file>", "the text; not needed with --base-logits")
    .option(
      "--against <model>",
      "the original (default: what the manifest names, beside the file or here; else perplexity alone)",
    )
    .addOption(contextOption("512"))
    .addOption(chunksOption("all"))
    .addOption(arithmeticOption())
    .option("--base-logits <file>", "compare with an original's logits, as llama-perplexity wrote them")
    .option("--save-logits <file>", "write the logits of <file> for --base-logits, here or in llama-perplexity")
    .addOption(options.forceOption())
    .option("-n, --dry-run", "say what memory, disk and time it will take, and compute nothing");
  return addRunOptions(addEvaluationBudgetOptions(command)).action(run);
}
