/** Options of evaluations: which text, how it is computed, and the bounds that must be kept. */
import { InvalidArgumentError, Option, type Command } from "commander";
import { QuantizeError } from "../src/errors.ts";
import type { EvaluationBudget } from "../src/evaluate/budget.ts";
import type { ConversionEvaluation } from "../src/jobs/evaluate-conversion.ts";
import type { EvaluationChoices } from "../src/jobs/evaluation.types.ts";
import { parseInteger, parseNumber } from "./options.ts";

/** `0.95` or `95%`. */
function parseShare(text: string): number {
  const isPercent = text.trim().endsWith("%");
  const value = Number(text.replace("%", "")) / (isPercent ? 100 : 1);
  if (text.trim() !== "" && value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError("expected a share such as 0.95 or 95%.");
}

export const contextOption = (what: string): Option =>
  new Option("--context <n>", `tokens of a window (default: ${what})`).argParser(parseInteger(8, 2 ** 20));
export const chunksOption = (what: string): Option =>
  new Option("--chunks <n>", `windows at most (default: ${what})`).argParser(parseInteger(1));
export const arithmeticOption = (): Option =>
  new Option(
    "--arithmetic <kind>",
    "quantized weights by integer kernels on 8-bit activations, or decoded, in f32 (default: kernels)",
  ).choices(["kernels", "float"]);

/** Bounds on what was lost. */
export function addEvaluationBudgetOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--max-kld <x>", "exit 3 when the mean KL divergence from the original is above x nats").argParser(
        parseNumber(0, Infinity),
      ),
    )
    .addOption(
      new Option(
        "--min-same-top <x>",
        "exit 3 when less than this share of tokens (0.95, 95%) has the original's most probable one on top",
      ).argParser(parseShare),
    )
    .addOption(
      new Option("--max-ppl-ratio <x>", "exit 3 when perplexity is more than x times the original's").argParser(
        parseNumber(0, Infinity),
      ),
    );
}

/** The bounds that were given. */
export function evaluationBudgetOf({ maxKld, minSameTop, maxPplRatio }: EvaluationBudget): EvaluationBudget {
  return {
    ...(maxKld !== undefined && { maxKld }),
    ...(minSameTop !== undefined && { minSameTop }),
    ...(maxPplRatio !== undefined && { maxPplRatio }),
  };
}

/** The choices that were given. */
export function evaluationChoicesOf({ context, chunks, arithmetic }: EvaluationChoices): EvaluationChoices {
  return {
    ...(context !== undefined && { context }),
    ...(chunks !== undefined && { chunks }),
    ...(arithmetic !== undefined && { arithmetic }),
  };
}

/** Flags of the main job. */
export interface EvalFlags extends EvaluationBudget {
  readonly eval?: string;
  readonly evalContext?: number;
  readonly evalChunks?: number;
}

/** Options of the main job. */
export function addConversionEvaluationOptions(command: Command): Command {
  command
    .option("--eval <file>", "evaluate the result on this text, beside the source, before the file gets its name")
    .addOption(
      new Option("--eval-context <n>", "tokens of a window (default: 512)").argParser(parseInteger(8, 2 ** 20)),
    )
    .addOption(new Option("--eval-chunks <n>", "windows at most (default: all)").argParser(parseInteger(1)));
  return addEvaluationBudgetOptions(command);
}

/** What the main job shall evaluate. @throws QuantizeError `usage` for bounds without a text */
export function conversionEvaluationOf(flags: EvalFlags): ConversionEvaluation | undefined {
  const { eval: text, evalContext: context, evalChunks: chunks } = flags;
  const budget = evaluationBudgetOf(flags);
  const choices = evaluationChoicesOf({ ...(context && { context }), ...(chunks && { chunks }) });
  if (text !== undefined) return { text, ...choices, ...budget };
  const [stray] = [...Object.keys(budget), ...Object.keys(choices)];
  if (stray === undefined) return undefined;
  throw new QuantizeError("usage", "bounds on what the model loses need a text: --eval <file>");
}
