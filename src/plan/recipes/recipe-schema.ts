/**
 * What a recipe file may say. Only this file needs zod at run time, which takes a good part of a second to load: import
 * it lazily (`readRecipe` does).
 */
import { z } from "zod";
import type { StatedOptions } from "./recipe-file.types.ts";
import { ROLES } from "./tensor-role.ts";

const LAYER_RANGES = ["first-eighth", "first-sixteenth", "more-bits"];
const name = z.string().min(1).max(256);
const count = z.int().min(0).max(65536);

/** One value, or a list; a list of one is the value. */
function oneOrMore<T extends z.ZodType>(item: T) {
  return z
    .preprocess((value) => (Array.isArray(value) ? value : [value]), z.array(item).min(1))
    .transform((list) => (list.length === 1 ? list[0]! : list));
}

const layers = z.custom<"first-eighth" | "first-sixteenth" | "more-bits" | number>(
  (value) => LAYER_RANGES.includes(value as string) || (Number.isInteger(value) && (value as number) >= 0),
  { error: `expected ${LAYER_RANGES.join(", ")}, or a number of layers` },
);
const tables = z.custom<number | "auto">(
  (value) => value === "auto" || (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 256),
  { error: "expected auto, or a number from 1 to 256" },
);

/** A rule: see `Rule` for what each condition means. */
export const ruleSchema = z
  .strictObject({
    from: oneOrMore(name).optional(),
    match: z.string().min(1).max(4096).optional(),
    role: oneOrMore(z.enum(ROLES)).optional(),
    layers: layers.optional(),
    gqa: count.optional(),
    experts: count.optional(),
    imatrix: z.boolean().optional(),
    architecture: oneOrMore(name).optional(),
    is70B: z.boolean().optional(),
    stacked: z.boolean().optional(),
    rowsFit: z.boolean().optional(),
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
  onIncompatible: z.enum(["error", "fallback", "keep"]),
  allowRequantize: z.boolean(),
  pure: z.boolean(),
  outputType: name,
  embeddingType: name,
  leaveOutput: z.boolean(),
  overrideKv: z.array(z.string()),
  keepSplit: z.boolean(),
  splitMaxBytes: z.int().min(1),
} satisfies Record<keyof StatedOptions, z.ZodType>;

/** A recipe file. All but the scheme may be left out. */
export const recipeSchema = z.strictObject({
  /** A scheme by name, or written out. */
  scheme: z.union([z.string(), z.record(z.string(), z.unknown())], {
    error: "expected a scheme's name, or its name, type and rules",
  }),
  rules: z.array(ruleSchema).max(65536).optional(),
  ...z.object(stated).partial().shape,
  effort: z.enum(["fast", "normal", "best"]).optional(),
  compat: z.enum(["ik_llama.cpp"]).optional(),
  imatrix: z
    .strictObject({
      file: z.string().min(1),
      sha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/, { error: "expected 64 hexadecimal digits" })
        .optional(),
      include: z.array(z.string()).optional(),
      exclude: z.array(z.string()).optional(),
    })
    .optional(),
});
