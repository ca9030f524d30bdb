/** `quantize eval`: perplexity, and what a model lost beside its original. */
import { Command } from "commander";
import { evaluateModel, outlineEvaluation } from "../../src/jobs/evaluate-model.ts";
import type { EvaluationOptions, EvaluationOutline } from "../../src/jobs/evaluation.types.ts";
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
import { localModel, localOriginal, lookAtModel } from "../local-model.ts";
import * as options from "../options.ts";
import { print, printJson, stdoutView } from "../output.ts";
import { addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

interface EvalFlags extends RunFlags, Omit<EvaluationOptions, "input" | keyof RunFlags> {
  readonly revision?: string;
  readonly dryRun?: boolean;
}

/** Looks at headers alone, of both models. */
async function outlineOf(
  file: string,
  flags: EvalFlags,
  choices: Omit<EvaluationOptions, "input" | "against">,
): Promise<EvaluationOutline> {
  const { against } = flags;
  return lookAtModel(file, flags, async (input) => {
    if (against === undefined) return { ...(await outlineEvaluation({ ...choices, input })), input: file };
    const outline = await lookAtModel(against, {}, (path) => outlineEvaluation({ ...choices, input, against: path }));
    return { ...outline, input: file, against };
  });
}

async function run(file: string, flags: EvalFlags): Promise<void> {
  const { text, against, baseLogits, saveLogits } = flags;
  const choices: Omit<EvaluationOptions, "input" | "against"> = {
    ...conversionOptionsOf(flags),
    ...evaluationChoicesOf(flags),
    ...evaluationBudgetOf(flags),
    ...(text !== undefined && { text }),
    ...(baseLogits !== undefined && { baseLogits }),
    ...(saveLogits !== undefined && { saveLogits }),
  };
  if (flags.dryRun) {
    const outline = await outlineOf(file, flags, choices);
    if (flags.json) printJson(outline);
    else print(evaluationOutlineText(outline, stdoutView(flags)));
    return;
  }
  const wanted = { ...choices, input: await localModel(file, flags), ...(await localOriginal(against, flags)) };
  await onEngine(flags, (ears) => evaluateModel({ ...wanted, ...ears }));
}

export function evalCommand(): Command {
  const command = new Command("eval")
    .description(
      "Measures perplexity on a text and, beside the original, what llama-perplexity --kl-divergence measures, the " +
        "same definitions; and where in the model it is lost.",
    )
    .argument("<file>", options.MODEL_HELP)
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
    .addOption(options.revisionOption())
    .option("-n, --dry-run", "say what memory, disk and time it will take, and compute nothing");
  return addRunOptions(addEvaluationBudgetOptions(command)).action(run);
}
