/** `quantize run`: what a file says, token by token. */
import { Command, Option } from "commander";
import type { GenerationOptions, GenerationReport } from "../../src/jobs/generate-text.ts";
import { generateText } from "../../src/jobs/generate-text.ts";
import { formatBytes, formatDuration, formatThings } from "../../src/text/format-number.ts";
import { runOnEngine } from "../convert.ts";
import { arithmeticOption } from "../evaluation-options.ts";
import * as options from "../options.ts";
import { printJson } from "../output.ts";
import { addRunOptions, conversionOptionsOf, type RunFlags } from "../run-options.ts";

interface RunCommandFlags extends RunFlags {
  readonly prompt: string;
  readonly raw?: boolean;
  readonly tokens?: number;
  readonly temperature?: number;
  readonly topK?: number;
  readonly topP?: number;
  readonly seed?: number;
  readonly context?: number;
  readonly arithmetic?: GenerationOptions["arithmetic"];
}

/** How it went, for stderr. */
function summary({ promptTokens, promptSeconds, tokens, tokensPerSecond, ...rest }: GenerationReport): string {
  const { generationSeconds, threads, isResident, plannedMemory, ending } = rest;
  const rate = tokensPerSecond === undefined ? "" : `, ${tokensPerSecond.toFixed(1)} tokens/s`;
  const why = { end: "", length: ", stopped by -n", context: ", the context is full" }[ending];
  const place = isResident
    ? ""
    : `; weights do not fit into ${formatBytes(plannedMemory)}: more --max-memory is faster`;
  return (
    `prompt ${formatThings(promptTokens, "token")} in ${formatDuration(promptSeconds)}; ` +
    `${formatThings(tokens, "token")} in ${formatDuration(generationSeconds)}${rate}${why}, ` +
    `${formatThings(threads, "thread")}${place}\n`
  );
}

async function run(input: string, flags: RunCommandFlags): Promise<void> {
  const { prompt, raw, tokens, temperature, topK, topP, seed, context, arithmetic, json, quiet } = flags;
  const wanted: GenerationOptions = {
    ...conversionOptionsOf(flags),
    input,
    prompt,
    ...(raw && { isRaw: true }),
    ...(tokens !== undefined && { tokens }),
    ...(temperature !== undefined && { temperature }),
    ...(topK !== undefined && { topK }),
    ...(topP !== undefined && { topP }),
    ...(seed !== undefined && { seed }),
    ...(context !== undefined && { context }),
    ...(arithmetic !== undefined && { arithmetic }),
    ...(!json && { onText: (text: string) => void process.stdout.write(text) }),
  };
  // A bar would be written over the text: nothing is shown but the text itself.
  const report = await runOnEngine({ quiet: true }, (ears) => generateText({ ...wanted, ...ears }));
  if (json) return printJson(report);
  process.stdout.write("\n");
  if (!quiet) process.stderr.write(summary(report));
}

export function runCommand(): Command {
  const whole = (least: number, most?: number) => options.parseInteger(least, most);
  const command = new Command("run")
    .description("Goes on with a prompt, token by token, from any file that the tool reads: for trying it, no server.")
    .argument("<file>", "the model: a .gguf (also split), or a Hugging Face folder")
    .requiredOption("-p, --prompt <text>", "what to answer, or with --raw to go on with")
    .addOption(new Option("-n, --tokens <n>", "new tokens at most (default: 256)").argParser(whole(1, 2 ** 20)))
    .addOption(
      new Option("--temperature <x>", "0: always the most probable token (default: 0.8)").argParser(
        options.parseNumber(0, 1000),
      ),
    )
    .addOption(
      new Option("--top-k <n>", "draw from the n most probable, 0 for all (default: 40)").argParser(
        whole(0, 2 ** 31 - 1),
      ),
    )
    .addOption(
      new Option("--top-p <x>", "draw from the most probable that make up this share (default: 0.95)").argParser(
        options.parseNumber(0, 1),
      ),
    )
    .addOption(new Option("--seed <n>", "of the random numbers (default: 0)").argParser(whole(0, 2 ** 32 - 1)))
    .addOption(
      new Option("--context <n>", "tokens of prompt and text together (default: the model's)").argParser(
        whole(2, 2 ** 20),
      ),
    )
    .option("--raw", "the prompt is the beginning of a text, not a message, whatever template the file has")
    .addOption(arithmeticOption());
  return addRunOptions(command).action(run);
}
