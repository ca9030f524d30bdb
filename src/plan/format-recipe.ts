/** Recipes as text to edit: YAML, a rule on a line. */
import { Document, isMap, isSeq, type YAMLMap } from "yaml";
import { elementCount } from "../read/model.ts";
import { whyKept } from "./eligibility.ts";
import type { Plan, TensorPlan } from "./plan.ts";
import type { RecipeFile } from "./recipes/recipe-file.types.ts";
import type { Recipe, Rule } from "./recipes/recipe.types.ts";
import { CONDITION_NAMES, RULE_CONDITIONS } from "./recipes/rule-conditions.ts";
import { layerOf } from "./recipes/tensor-role.ts";

const RECIPE_COMMENT = ` A recipe: the scheme's type for most tensors, and rules of which the first that holds decides.
 Rules of your own go under a top-level key "rules": they come before the scheme's.
 A rule says type, layout or tables, and for which tensors: all its conditions must hold.
${CONDITION_NAMES.map((name) => `   ${name.padEnd(13)} ${RULE_CONDITIONS[name].about}`).join("\n")}
 Run it with: quantize <model> --recipe <this file>`;

function rulesOnLines(map: unknown): void {
  if (!isMap(map)) return;
  const rules = (map as YAMLMap).get("rules", true);
  if (isSeq(rules)) for (const rule of rules.items) if (isMap(rule)) rule.flow = true;
}

/** A recipe as YAML with comments; `readRecipe` gives the same recipe back. */
export function formatRecipe(recipe: RecipeFile): string {
  const document = new Document(recipe, { aliasDuplicateObjects: false });
  document.commentBefore = RECIPE_COMMENT;
  rulesOnLines(document.contents);
  if (isMap(document.contents)) rulesOnLines(document.contents.get("scheme", true));
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** A regular expression for exactly these tensors, which differ in their layer only. */
function patternFor(tensors: readonly TensorPlan[], all: number): string {
  const { name } = tensors[0]!.tensor;
  const layer = layerOf(name);
  if (layer === undefined) return `^${escape(name)}$`;
  const layers = tensors.map((t) => layerOf(t.tensor.name)!);
  const some = layers.length === 1 ? String(layers[0]) : `(${layers.join("|")})`;
  const numbers = layers.length === all ? "\\d+" : some;
  return `^blk\\.${numbers}\\.${escape(name.slice(`blk.${layer}.`.length))}$`;
}

/** The name without its layer's number. */
function kindOf({ tensor }: TensorPlan): string {
  return tensor.name.replace(/^blk\.\d+\./, "blk..");
}

/**
 * What a plan decided, as a recipe of plain rules that name the model's own tensors: to see it, and to change a single
 * one. Fallbacks are written down as the types they fell back to.
 */
export function recipeForModel(plan: Plan): RecipeFile {
  const decided = plan.tensors.filter((t) => whyKept(t.tensor) === undefined && t.reason.code !== "output-left");
  const weights = new Map<string, number>();
  for (const { codec, tensor } of decided) weights.set(codec, (weights.get(codec) ?? 0) + elementCount(tensor.shape));
  const type = [...weights].sort((a, b) => b[1] - a[1])[0]?.[0] ?? "keep";
  const groups = new Map<string, TensorPlan[]>();
  const kinds = new Map<string, number>();
  for (const t of decided) {
    const key = JSON.stringify([kindOf(t), t.codec, t.layout, t.tables]);
    groups.set(key, [...(groups.get(key) ?? []), t]);
    kinds.set(kindOf(t), (kinds.get(kindOf(t)) ?? 0) + 1);
  }
  const rules: Rule[] = [];
  for (const tensors of groups.values()) {
    const { codec, layout, tables } = tensors[0]!;
    const isDefault = codec === type && layout === "rows" && tables === undefined;
    if (isDefault) continue;
    const match = patternFor(tensors, kinds.get(kindOf(tensors[0]!))!);
    rules.push({
      match,
      type: codec,
      ...(layout === "rows" ? {} : { layout }),
      ...(tables === undefined ? {} : { tables }),
    });
  }
  const fileType = plan.metadata.get("general.file_type");
  const scheme: Recipe = {
    name: plan.scheme,
    type,
    ...(fileType !== undefined && fileType.type === "uint32" && { fileType: Number(fileType.value) }),
    rules,
  };
  return { scheme };
}
