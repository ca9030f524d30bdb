/** From a recipe to the options of a plan, and back: what a manifest keeps is what a later run is told. */
import { existsSync } from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { QuantizeError } from "../errors.ts";
import type { Effort } from "../../codecs/codec.ts";
import type { Imatrix } from "../imatrix/imatrix.types.ts";
import { readImatrix } from "../imatrix/read-imatrix.ts";
import type { Compat } from "../../layouts/compat.ts";
import { OWN_TEXT, type CalibrationChoices } from "./recipes/calibration-choices.ts";
import type { PlanOptions } from "./plan.ts";
import type { StatedOptions } from "./recipes/recipe-file.types.ts";
import type { RecipeFile } from "./recipes/recipe-file.types.ts";
import type { Recipe, Rule, RuleConditions } from "./recipes/recipe.types.ts";
import { CONDITION_NAMES } from "./recipes/rule-conditions.ts";

function loadImatrix(
  { file, sha256, include, exclude }: NonNullable<RecipeFile["imatrix"]>,
  recipePath: string,
): Imatrix {
  const path = findBeside(file, recipePath);
  const imatrix = readImatrix(path, {
    ...(include !== undefined && { include }),
    ...(exclude !== undefined && { exclude }),
  });
  if (sha256 !== undefined && imatrix.sha256 !== sha256)
    throw new QuantizeError(
      "bad-data",
      `${path}: ${recipePath} was made with another importance matrix (sha256 ${sha256}, found ${imatrix.sha256})`,
    );
  // The name goes into the output's metadata: as the recipe says it, wherever the file was found.
  return { ...imatrix, path: file };
}

/** Files that a recipe names are looked for where the user stands, then beside it. */
function findBeside(file: string, recipePath: string): string {
  const beside = join(dirname(recipePath), file);
  return !isAbsolute(file) && !existsSync(file) && existsSync(beside) ? beside : file;
}

function withTextFound(choices: CalibrationChoices, recipePath: string): CalibrationChoices {
  const { text } = choices;
  return text === undefined || text === OWN_TEXT ? choices : { ...choices, text: findBeside(text, recipePath) };
}

/** Options of a plan, and of the run where they decide bytes. */
export interface AppliedRecipe {
  readonly options: PlanOptions;
  readonly effort?: Effort;
  readonly compat?: Compat;
  readonly calibration?: CalibrationChoices;
}

/**
 * The options that a recipe asks for.
 * @param path of the recipe, for messages and for files named in it
 * @param given options that come first: they replace the recipe's, rules stand before the recipe's, and metadata are
 * set after the recipe's
 */
export function applyRecipe(recipe: RecipeFile, path: string, given: Partial<PlanOptions> = {}): AppliedRecipe {
  const { imatrix, effort, compat, calibrate, rules, overrideKv, ...rest } = recipe;
  const matrix = given.imatrix ?? (imatrix === undefined ? undefined : loadImatrix(imatrix, path));
  const allRules = [...(given.rules ?? []), ...(rules ?? [])];
  const allOverrides = [...(overrideKv ?? []), ...(given.overrideKv ?? [])];
  const options: PlanOptions = {
    ...{ ...rest, ...given },
    ...(allRules.length > 0 && { rules: allRules, overridingRules: given.rules?.length ?? 0 }),
    ...(allOverrides.length > 0 && { overrideKv: allOverrides }),
    ...(matrix !== undefined && { imatrix: matrix }),
  };
  return {
    options,
    ...(effort !== undefined && { effort }),
    ...(compat !== undefined && { compat }),
    ...(calibrate !== undefined && { calibration: withTextFound(calibrate, path) }),
  };
}

/** What a rule decides, beside its conditions. A record, so that the compiler misses one that is not written. */
const DECISIONS: Readonly<Record<Exclude<keyof Rule, keyof RuleConditions>, true>> = {
  type: true,
  layout: true,
  tables: true,
};
/** The order in which a written rule names its parts: a recipe that was read is written again with the same bytes. */
const RULE_KEYS = [...CONDITION_NAMES, ...keysOf(DECISIONS)];
/** The same for options. */
const STATED: Readonly<Record<keyof StatedOptions, true>> = {
  ...{ layout: true, tables: true, tablesFrom: true, onIncompatible: true, allowUnmatchedRules: true },
  ...{ allowRequantize: true, pure: true, outputType: true, embeddingType: true, leaveOutput: true },
  ...{ overrideKv: true, keepSplit: true, splitMaxBytes: true },
};
/** The same for schemes. */
const SCHEME: Readonly<Record<keyof Recipe, true>> = {
  ...{ name: true, type: true, layout: true, tables: true, fileType: true, needsImatrix: true, rules: true },
};

function keysOf<Key extends string>(record: Readonly<Record<Key, unknown>>): readonly Key[] {
  return Object.keys(record) as Key[];
}

function inOrder<T extends object>(value: T, keys: readonly (keyof T)[]): T {
  const present = keys.filter((key) => value[key] !== undefined);
  return Object.fromEntries(present.map((key) => [key, value[key]])) as T;
}

/** A scheme or a list of rules, its keys in order. */
function writtenRules(rules: readonly Rule[]): Rule[] {
  return rules.map((rule) => inOrder(rule, RULE_KEYS));
}

/** Options that are not the default. */
function isStated(value: unknown): boolean {
  return value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0);
}

/**
 * The recipe of a plan's options, for the manifest. The scheme is written out, so that it means the same to every
 * version of this program.
 */
export function recipeOf(options: PlanOptions, scheme: Recipe, rules: readonly Rule[]): RecipeFile {
  const { imatrix } = options;
  const stated = keysOf(STATED)
    .map((key) => [key, options[key]] as const)
    .filter(([, value]) => isStated(value));
  return {
    scheme: inOrder({ ...scheme, rules: writtenRules(scheme.rules) }, keysOf(SCHEME)),
    ...(rules.length > 0 && { rules: writtenRules(rules) }),
    ...Object.fromEntries(stated),
    ...(imatrix !== undefined && {
      imatrix: { file: imatrix.path, sha256: imatrix.sha256, ...imatrix.filter },
    }),
  };
}
