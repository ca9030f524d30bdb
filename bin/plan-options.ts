/** Options of the main job and of `plan`: what becomes of which tensor. */
import { Option, type Command } from "commander";
import { QuantizeError } from "../src/errors.ts";
import { FIXED_TABLE_NAMES } from "../src/fit/fixed-tables.ts";
import type { Imatrix } from "../src/imatrix/imatrix.types.ts";
import type { MixTarget } from "../src/jobs/mix-model.ts";
import type { OpenOptions } from "../src/open/open-model.ts";
import type { AppliedRecipe } from "../src/plan/apply-recipe.ts";
import type { ExportPlanOptions } from "../src/plan/plan-export.ts";
import type { PlanOptions } from "../src/plan/plan.ts";
import { INCOMPATIBLE_POLICIES } from "../src/plan/recipes/incompatible-policy.ts";
import type { StatedOptions } from "../src/plan/recipes/recipe-file.types.ts";
import { addMixOptions, mixTargetOf, type MixFlags } from "./mix-options.ts";
import { collect, parseInteger, parseSize } from "./options.ts";

/** What commander collects; where the option is not called what the planner calls it, see `givenOptions`. */
export interface PlanFlags extends MixFlags, Omit<StatedOptions, "allowUnmatchedRules" | "splitMaxBytes"> {
  readonly scheme?: string;
  /** True without a type. */
  readonly export?: string | true;
  readonly recipe?: string;
  readonly tensor?: readonly string[];
  readonly allowUnmatched?: boolean;
  readonly splitMaxSize?: number;
  readonly imatrix?: string;
  readonly includeWeights?: readonly string[];
  readonly excludeWeights?: readonly string[];
  readonly preTokenizer?: string;
}

function parseTables(text: string): number | "auto" {
  return text.toLowerCase() === "auto" ? "auto" : parseInteger(1, 256)(text);
}

const schemeOption = (): Option => new Option("-s, --scheme <name>", "how weights are encoded: see `quantize schemes`");

const PLAN_OPTIONS: readonly (() => Option)[] = [
  () =>
    new Option("--export [type]", "codebook tensors to a stock type, or each to the nearest; the rest stays").conflicts(
      [
        ...["scheme", "recipe", "layout", "tables", "tablesFrom", "pure", "outputType", "embeddingType", "leaveOutput"],
        ...["allowRequantize", "effort", "compat"],
      ],
    ),
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
      .choices(FIXED_TABLE_NAMES)
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
    new Option("--on-incompatible <policy>", "for shapes that do not suit the type (default: fallback)").choices(
      INCOMPATIBLE_POLICIES,
    ),
  () => new Option("--pure", "the scheme's type for every tensor, without the mix's rules"),
  () => new Option("--output-type <type>", "type of the output tensor"),
  () => new Option("--embedding-type <type>", "type of the token embeddings"),
  () => new Option("--leave-output", "leave the output tensor as it is stored"),
  () => new Option("--allow-requantize", "encode tensors anew that are quantized already"),
  () =>
    new Option("--override-kv <key=type:value>", "set metadata: int, float, bool or str, may be repeated").argParser(
      collect,
    ),
  () => new Option("--pre-tokenizer <name>", "how text is cut, where a Hugging Face folder's way is not llama.cpp's"),
  () =>
    new Option("--split-max-size <size>", "start a new file where the tensors of one would take more: 2GiB")
      .argParser(parseSize)
      .conflicts("keepSplit"),
  () => new Option("--keep-split", "as many files as the input has, with the same tensors in each"),
];

/** Adds the options of planning to a command. */
export function addPlanOptions(command: Command): Command {
  addMixOptions(command.addOption(schemeOption()));
  for (const option of PLAN_OPTIONS) command.addOption(option());
  return command;
}

/** The options of opening a model that were given. */
export function openOptionsOf({ preTokenizer }: Pick<PlanFlags, "preTokenizer">): OpenOptions {
  return preTokenizer === undefined ? {} : { preTokenizer };
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

/** The plan's options that were given on the command line; the others stay absent. */
async function givenOptions(flags: PlanFlags): Promise<Partial<PlanOptions>> {
  const { layout, tables, tablesFrom, onIncompatible, allowRequantize, pure, outputType, embeddingType } = flags;
  const { leaveOutput, overrideKv, keepSplit } = flags;
  const options = {
    ...{ layout, tables, tablesFrom, onIncompatible, allowRequantize, pure, outputType, embeddingType },
    ...{ leaveOutput, overrideKv, keepSplit },
    scheme: flags.scheme,
    rules: flags.tensor,
    allowUnmatchedRules: flags.allowUnmatched,
    splitMaxBytes: flags.splitMaxSize,
    imatrix: await importanceFrom(flags),
  } satisfies { [Name in Exclude<keyof PlanOptions, "overridingRules">]: PlanOptions[Name] | undefined };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** A size, for which types are mixed. */
export interface MixRequest {
  readonly kind: "mix";
  readonly target: MixTarget;
  readonly candidates?: readonly string[];
  /** File of a measurement. */
  readonly sensitivity?: string;
  readonly options: Omit<PlanOptions, "scheme">;
}

/** What the flags ask for: an export, a scheme with the options of the run that a recipe states, or a size. */
export type PlanRequest =
  | ({ readonly kind: "scheme" } & AppliedRecipe)
  | MixRequest
  | { readonly kind: "export"; readonly options: ExportPlanOptions & { readonly to: string } };

/** From what commander collected to what the planner takes: the recipe's options, and those given before them. */
export async function planRequestOf(flags: PlanFlags): Promise<PlanRequest> {
  const given = await givenOptions(flags);
  if (flags.export !== undefined) {
    return { kind: "export", options: { ...given, to: flags.export === true ? "auto" : flags.export } };
  }
  const { candidates, sensitivity } = flags;
  const target = mixTargetOf(flags);
  if (target !== undefined) {
    return {
      ...{ kind: "mix", target, options: given },
      ...(candidates !== undefined && { candidates }),
      ...(sensitivity !== undefined && { sensitivity }),
    };
  }
  if (candidates !== undefined || sensitivity !== undefined) {
    throw new QuantizeError("usage", "--candidates and --sensitivity are for a mix: --target-bpw or --target-size");
  }
  if (flags.recipe !== undefined) {
    const [{ readRecipe }, { applyRecipe }] = await Promise.all([
      import("../src/plan/recipes/read-recipe.ts"),
      import("../src/plan/apply-recipe.ts"),
    ]);
    return { kind: "scheme", ...applyRecipe(readRecipe(flags.recipe), flags.recipe, given) };
  }
  const { scheme } = given;
  if (scheme === undefined) {
    throw new QuantizeError(
      "usage",
      "no scheme given: for example --scheme q4_cb (see `quantize schemes`), or --target-bpw 4.5",
    );
  }
  return { kind: "scheme", options: { ...given, scheme } };
}

/** The name of what was asked for, as files are named after it. */
export function requestName(request: PlanRequest): string {
  if (request.kind === "export") return request.options.to === "auto" ? "stock" : request.options.to.toLowerCase();
  if (request.kind === "mix") return "mixed";
  const { scheme } = request.options;
  return (typeof scheme === "string" ? scheme : scheme.name).toLowerCase();
}
