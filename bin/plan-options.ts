/** Options of the main job and of `plan`: what becomes of which tensor. */
import { Option, type Command } from "commander";
import { QuantizeError } from "../src/errors.ts";
import type { Imatrix } from "../src/imatrix/imatrix.types.ts";
import type { AppliedRecipe } from "../src/plan/apply-recipe.ts";
import type { IncompatiblePolicy, PlanOptions } from "../src/plan/plan.types.ts";
import { collect, parseInteger, parseSize } from "./options.ts";

export interface PlanFlags {
  readonly scheme?: string;
  readonly recipe?: string;
  readonly layout?: string;
  readonly tensor?: readonly string[];
  readonly allowUnmatched?: boolean;
  readonly tables?: number | "auto";
  readonly tablesFrom?: string;
  readonly onIncompatible?: IncompatiblePolicy;
  readonly allowRequantize?: boolean;
  readonly pure?: boolean;
  readonly outputType?: string;
  readonly embeddingType?: string;
  readonly leaveOutput?: boolean;
  readonly overrideKv?: readonly string[];
  readonly keepSplit?: boolean;
  readonly splitMaxSize?: number;
  readonly imatrix?: string;
  readonly includeWeights?: readonly string[];
  readonly excludeWeights?: readonly string[];
}

function parseTables(text: string): number | "auto" {
  return text.toLowerCase() === "auto" ? "auto" : parseInteger(1, 256)(text);
}

const PLAN_OPTIONS: readonly (() => Option)[] = [
  () => new Option("-s, --scheme <name>", "how weights are encoded: see `quantize schemes`"),
  () => new Option("-r, --recipe <file>", "a YAML or JSON recipe, or a manifest; other options come before its own"),
  () => new Option("-l, --layout <name>", "memory order of packed tensors: see `quantize layouts` (default: rows)"),
  () =>
    new Option("-t, --tensor <rule>", "'<regex>=<type>[@<layout>]', may be repeated, first match wins").argParser(
      collect,
    ),
  () => new Option("--allow-unmatched", "a --tensor rule that matches nothing is no error"),
  () =>
    new Option("--tables <n>", "learned tables per tensor for *_cb, 1 to 256 or auto (default: auto)").argParser(
      parseTables,
    ),
  () =>
    new Option("--tables-from <name>", "fixed tables for q4_cb instead of learned ones")
      .choices(["iq4_nl", "nf4", "fp4", "bitmod"])
      .conflicts("tables"),
  () => new Option("--imatrix <file>", "importance of columns, .dat or .gguf, for all encoders and fits"),
  () =>
    new Option("--include-weights <text>", "use only importance entries whose name holds this, may be repeated")
      .argParser(collect)
      .conflicts("excludeWeights"),
  () =>
    new Option(
      "--exclude-weights <text>",
      "ignore importance entries whose name holds this, may be repeated",
    ).argParser(collect),
  () =>
    new Option("--on-incompatible <policy>", "for shapes that do not suit the type (default: fallback)").choices([
      "error",
      "fallback",
      "keep",
    ]),
  () => new Option("--pure", "the scheme's type for every tensor, without the mix's rules"),
  () => new Option("--output-type <type>", "type of the output tensor"),
  () => new Option("--embedding-type <type>", "type of the token embeddings"),
  () => new Option("--leave-output", "leave the output tensor as it is stored"),
  () => new Option("--allow-requantize", "encode tensors anew that are quantized already"),
  () =>
    new Option("--override-kv <key=type:value>", "set metadata: int, float, bool or str, may be repeated").argParser(
      collect,
    ),
  () =>
    new Option("--split-max-size <size>", "start a new file where the tensors of one would take more: 2GiB")
      .argParser(parseSize)
      .conflicts("keepSplit"),
  () => new Option("--keep-split", "as many files as the input has, with the same tensors in each"),
];

/** Adds the options of planning to a command. */
export function addPlanOptions(command: Command): Command {
  for (const option of PLAN_OPTIONS) command.addOption(option());
  return command;
}

/** The importance matrix, when one was named. */
async function importanceFrom(flags: PlanFlags): Promise<Imatrix | undefined> {
  const { imatrix, includeWeights: include, excludeWeights: exclude } = flags;
  if (imatrix === undefined) {
    if (include === undefined && exclude === undefined) return undefined;
    throw new QuantizeError("usage", "--include-weights and --exclude-weights choose entries of --imatrix <file>");
  }
  const { readImatrix } = await import("../src/imatrix/read-imatrix.ts");
  return readImatrix(imatrix, { ...(include && { include }), ...(exclude && { exclude }) });
}

/** The plan's options that were given on the command line. */
async function givenOptions(flags: PlanFlags): Promise<Partial<PlanOptions>> {
  const { scheme, layout, tensor, allowUnmatched, tables, tablesFrom, onIncompatible, allowRequantize } = flags;
  const { pure, outputType, embeddingType, leaveOutput, overrideKv, keepSplit, splitMaxSize } = flags;
  const imatrix = await importanceFrom(flags);
  return {
    ...(scheme !== undefined && { scheme }),
    ...(layout !== undefined && { layout }),
    ...(tensor !== undefined && { rules: tensor }),
    ...(allowUnmatched !== undefined && { allowUnmatchedRules: allowUnmatched }),
    ...(tables !== undefined && { tables }),
    ...(tablesFrom !== undefined && { tablesFrom }),
    ...(onIncompatible !== undefined && { onIncompatible }),
    ...(allowRequantize !== undefined && { allowRequantize }),
    ...(pure !== undefined && { pure }),
    ...(outputType !== undefined && { outputType }),
    ...(embeddingType !== undefined && { embeddingType }),
    ...(leaveOutput !== undefined && { leaveOutput }),
    ...(overrideKv !== undefined && { overrideKv }),
    ...(keepSplit !== undefined && { keepSplit }),
    ...(splitMaxSize !== undefined && { splitMaxBytes: splitMaxSize }),
    ...(imatrix !== undefined && { imatrix }),
  };
}

/** From what commander collected to what the planner takes: the recipe's options, and those given before them. */
export async function planOptionsOf(flags: PlanFlags): Promise<AppliedRecipe> {
  const given = await givenOptions(flags);
  if (flags.recipe !== undefined) {
    const [{ readRecipe }, { applyRecipe }] = await Promise.all([
      import("../src/plan/read-recipe.ts"),
      import("../src/plan/apply-recipe.ts"),
    ]);
    return applyRecipe(readRecipe(flags.recipe), flags.recipe, given);
  }
  const { scheme } = given;
  if (scheme === undefined) {
    throw new QuantizeError("usage", "no scheme given: for example --scheme q4_cb (see `quantize schemes`)");
  }
  return { options: { ...given, scheme } };
}

/** The scheme's name, as files are named after it. */
export function schemeName({ scheme }: PlanOptions): string {
  return (typeof scheme === "string" ? scheme : scheme.name).toLowerCase();
}
