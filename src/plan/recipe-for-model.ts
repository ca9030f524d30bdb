/** A plan as a recipe. */
import { elementCount } from "../read/model.ts";
import { whyKept } from "./eligibility.ts";
import type { Plan, TensorPlan } from "./plan.ts";
import type { RecipeFile } from "./recipes/recipe-file.types.ts";
import type { Recipe, Rule } from "./recipes/recipe.types.ts";
import { layerOf } from "./recipes/tensor-role.ts";

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
