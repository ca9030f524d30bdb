/** The plan that gives tensors of our own types the nearest type that other programs know, and nothing else. */
import { isOwn, isQuantized } from "../../codecs/codec.ts";
import { allFormats, findFormat } from "../../codecs/registry.ts";
import { QuantizeError } from "../errors.ts";
import { elementCount, type Model, type Tensor } from "../read/model.ts";
import { planConversion } from "./plan-conversion.ts";
import type { Plan, PlanOptions } from "./plan.ts";
import { reasonText } from "./reason.ts";
import type { Recipe, Rule } from "./recipes/recipe.types.ts";
import { findScheme, findType, plainRecipe } from "./recipes/schemes.ts";
import { parseTensorRule } from "./recipes/tensor-rule.ts";

/** Instead of a type: the nearest one for each tensor. */
export const AUTOMATIC_EXPORT = "auto";

/** Rules that give each of our types its `stockType`. Rows that do not divide by 256 fall back as everywhere. */
const NEAREST_STOCK_TYPES: readonly (Rule & { readonly from: readonly string[]; readonly type: string })[] = [
  ...new Set(allFormats().flatMap(({ stockType }) => stockType ?? [])),
].map((type) => ({
  from: allFormats().flatMap(({ name, stockType }) => (stockType === type ? [name] : [])),
  type,
}));

/** The warning of every export: for people who still have the original model. */
const ENCODED_TWICE =
  "codebook tensors are encoded a second time: the same types made from the original model are closer to it";

/** What an export leaves to the user. Types, layouts and tables are what it decides itself. */
export type ExportPlanOptions = Pick<
  PlanOptions,
  "rules" | "allowUnmatchedRules" | "onIncompatible" | "imatrix" | "overrideKv" | "keepSplit" | "splitMaxBytes"
> & {
  /** A stock type, a mix of llama.cpp, or `auto` (default): the nearest type for each tensor. */
  readonly to?: string;
};

function isOurs({ codec }: Pick<Tensor, "codec">): boolean {
  return isOwn(findFormat(codec)!);
}

/** The stock type that `auto` gives to most weights. */
function commonestType(tensors: readonly Tensor[]): string {
  const weights = NEAREST_STOCK_TYPES.map(({ from }) =>
    tensors.filter(({ codec }) => from.includes(codec)).reduce((sum, { shape }) => sum + elementCount(shape), 0),
  );
  return NEAREST_STOCK_TYPES[weights.indexOf(Math.max(...weights))]!.type;
}

/**
 * What an export asks for, as rules about tensors of ours. A type's name means that type for all of them, also where a
 * mix has the name; the name of a mix is its rules.
 */
function recipeFor(to: string, ours: readonly Tensor[]): Recipe {
  const name = to.trim();
  if (name.toLowerCase() === AUTOMATIC_EXPORT) {
    const { fileType } = plainRecipe(commonestType(ours));
    return { name: "stock", type: "keep", rules: NEAREST_STOCK_TYPES, ...(fileType !== undefined && { fileType }) };
  }
  const format = findFormat(name);
  if (format === undefined) {
    const mix = findScheme(name);
    const rules = [...mix.rules, { type: mix.type }].map((rule): Rule => ({ ...rule, from: "codebook" }));
    return { ...mix, rules: [...rules, { type: "keep" }] };
  }
  if (isOwn(format)) {
    throw new QuantizeError("usage", `--export ${to}: expected a type that llama.cpp knows, such as q4_k or iq4_nl`);
  }
  const type = findType(name, "--export");
  return { ...plainRecipe(type), type: "keep", rules: [{ from: "codebook", type }] };
}

/** @throws QuantizeError `usage` saying what to do instead */
function requireOurs({ path, tensors }: Model): void {
  if (tensors.some(isOurs)) return;
  const isPacked = tensors.some(({ layout }) => layout !== "rows");
  const hasStock = tensors.some(({ codec }) => isQuantized(findFormat(codec)!));
  const instead = isPacked
    ? "it is packed: `quantize unpack` puts its rows back in order"
    : hasStock
      ? "every program that knows GGUF can read it as it is"
      : "quantize it with --scheme";
  throw new QuantizeError("usage", `${path}: --export is for files with codebook tensors, found none (${instead})`);
}

/**
 * Plans an export: tensors of our types are encoded anew, packed ones go back to rows, all others are copied.
 * @throws QuantizeError `usage` for a model without tensors of ours, or rules that would leave some; else as
 * `planConversion`
 */
export function planExport(model: Model, options: ExportPlanOptions = {}): Plan {
  const { to = AUTOMATIC_EXPORT, rules = [], ...rest } = options;
  requireOurs(model);
  const plan = planConversion(model, {
    ...rest,
    scheme: recipeFor(to, model.tensors.filter(isOurs)),
    rules: rules.map((rule) => ({ ...(typeof rule === "string" ? parseTensorRule(rule) : rule), from: "codebook" })),
  });
  const left = plan.tensors.find((planned) => isOurs(planned) || planned.layout !== "rows");
  if (left !== undefined) {
    const { tensor, codec, layout, reason } = left;
    const encoding = layout === "rows" ? codec : `${codec}@${layout}`;
    throw new QuantizeError(
      "usage",
      `tensor "${tensor.name}" would be ${encoding} (${reasonText(reason)}): an export holds stock types in rows`,
    );
  }
  return { ...plan, warnings: [...plan.warnings, ENCODED_TWICE] };
}
