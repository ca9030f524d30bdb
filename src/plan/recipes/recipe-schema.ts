/**
 * What a recipe file may say. Zod and YAML add a third or more to the time in which the library loads: whoever may do
 * without recipe files imports their reader when it is needed (`jobs/recipe-files.ts` for users of the library).
 */
import { z } from "zod";
import { MAX_TABLES } from "../../../codecs/codebooks/codebook-format.ts";
import { EFFORTS } from "../../../codecs/codec.ts";
import { COMPAT_PROGRAMS } from "../../../layouts/compat.ts";
import { INCOMPATIBLE_POLICIES } from "./incompatible-policy.ts";
import { LAYER_PARTS, type Layers } from "./layers.ts";
import type { CalibrationChoices } from "./calibration-choices.ts";
import type { StatedOptions } from "./recipe-file.types.ts";
import type { RuleConditions } from "./recipe.types.ts";
import { CONDITION_NAMES, RULE_CONDITIONS, type ConditionValues } from "./rule-conditions.ts";
import { ROLES } from "./tensor-role.ts";

const name = z.string().min(1).max(256);
const count = z.int().min(0).max(65536);

/** One value, or a list; a list of one is the value. */
function oneOrMore<T extends z.ZodType>(item: T) {
  return z
    .preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(item).min(1))
    .transform((list) => (list.length === 1 ? list[0]! : list));
}

function isIntegerFrom(least: number, most: number, value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
}

// Not unions, which would complain of one alternative only.
const layers = z.custom<Layers>((value) => LAYER_PARTS.includes(value as never) || isIntegerFrom(0, Infinity, value), {
  error: `expected ${LAYER_PARTS.join(", ")}, or a number of layers`,
});
const tables = z.custom<number | "auto">((value) => value === "auto" || isIntegerFrom(1, MAX_TABLES, value), {
  error: `expected auto, or a number from 1 to ${MAX_TABLES}`,
});

/** A schema for each sort of value that conditions take. */
const VALUES = {
  names: oneOrMore(name),
  pattern: z.string().min(1).max(4096),
  roles: oneOrMore(z.enum(ROLES)),
  layers,
  count,
  flag: z.boolean(),
} satisfies { [Sort in keyof ConditionValues]: z.ZodType<ConditionValues[Sort]> };

type ConditionSchemas = { [Name in keyof RuleConditions]-?: z.ZodOptional<z.ZodType<RuleConditions[Name] & {}>> };

/** The conditions of a rule, each of which may be left out. */
const conditions = Object.fromEntries<unknown>(
  CONDITION_NAMES.map((key) => [key, VALUES[RULE_CONDITIONS[key].takes].optional()]),
) as ConditionSchemas;

/** A rule: see `Rule` for what each condition means. */
const ruleSchema = z
  .strictObject({
    ...conditions,
    type: name.optional(),
    layout: name.optional(),
    tables: tables.optional(),
  })
  .refine((rule) => rule.type !== undefined || rule.layout !== undefined || rule.tables !== undefined, {
    error: "expected type, layout or tables",
  });

/** A scheme written out: the type of most tensors, and the rules for the others. */
export const schemeSchema = z.strictObject({
  name,
  type: name,
  rules: z.array(ruleSchema).max(65536).default([]),
  layout: name.optional(),
  tables: tables.optional(),
  fileType: count.optional(),
  needsImatrix: z.array(name).optional(),
});

/** A key for each option that recipes and plans state in the same words: the compiler misses none. */
const stated = {
  layout: name,
  allowUnmatchedRules: z.boolean(),
  tables,
  tablesFrom: name,
  onIncompatible: z.enum(INCOMPATIBLE_POLICIES),
  allowRequantize: z.boolean(),
  pure: z.boolean(),
  outputType: name,
  embeddingType: name,
  leaveOutput: z.boolean(),
  overrideKv: z.array(z.string()),
  keepSplit: z.boolean(),
  splitMaxBytes: z.int().min(1),
} satisfies Record<keyof StatedOptions, z.ZodType>;

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, { error: "expected 64 hexadecimal digits" });

/** A recipe file. All but the scheme may be left out. */
export const recipeSchema = z.strictObject({
  /** A scheme by name, or written out. */
  scheme: z.union([z.string(), z.record(z.string(), z.unknown())], {
    error: "expected a scheme's name, or its name, type and rules",
  }),
  rules: z.array(ruleSchema).max(65536).optional(),
  ...z.object(stated).partial().shape,
  effort: z.enum(EFFORTS).optional(),
  compat: z.enum(COMPAT_PROGRAMS).optional(),
  calibrate: z
    .strictObject({
      text: z.string().min(1).optional(),
      textHash: sha256.optional(),
      tokens: z.int().min(1).optional(),
      context: z
        .int()
        .min(8)
        .max(2 ** 20)
        .optional(),
      seed: z
        .int()
        .min(0)
        .max(2 ** 32 - 1)
        .optional(),
    } satisfies Record<keyof CalibrationChoices, z.ZodType>)
    .optional(),
  imatrix: z
    .strictObject({
      file: z.string().min(1),
      sha256: sha256.optional(),
      include: z.array(z.string()).optional(),
      exclude: z.array(z.string()).optional(),
    })
    .optional(),
});
