/** A recipe for a size: types for each tensor, so that the model loses least. */
import type { Sensitivity } from "../calibrate/sensitivity.types.ts";
import { QuantizeError } from "../errors.ts";
import { elementCount, type Model } from "../read/model.ts";
import { mixTypes, type TypeMix } from "../plan/mix-types.ts";
import { planConversion } from "../plan/plan-conversion.ts";
import type { Plan, PlanOptions } from "../plan/plan.ts";
import { recipeForModel } from "../plan/recipe-for-model.ts";
import type { Recipe } from "../plan/recipes/recipe.types.ts";
import { learnedBytes } from "../plan/table-count.ts";
import { planOutputHeader, type HeaderOptions } from "../write/output-header.ts";
import { outputSet } from "../write/output-set.ts";

/** How large: bits for each weight of the model, learned tables counted, or bytes of the files. */
export type MixTarget = { readonly bitsPerWeight: number } | { readonly bytes: number };

export interface Mix {
  readonly recipe: Recipe;
  /** What was reached. */
  readonly bitsPerWeight: number;
  readonly fileBytes: number;
  /** Sum of the divergences that were measured or follow from them, and what no mix of these types can be below. */
  readonly estimatedDivergence: number;
  readonly bound: number;
}

/** Times that the room for tensors is corrected by what header and padding take. */
const CORRECTIONS = 8;

/**
 * @param options of the plan, without a scheme
 * @throws QuantizeError `usage` when the smallest types are too large, `incompatible` when a tensor is not as it was
 */
export function mixModel(
  model: Model,
  sensitivity: Sensitivity,
  target: MixTarget,
  options: Omit<PlanOptions, "scheme">,
  header: HeaderOptions,
): Mix {
  const { tensors, candidates, reference } = sensitivity;
  const choicesOf = tensors.map(({ types, divergence }) => {
    const measured = types[reference]!.nmse;
    return candidates.map((name) => {
      const { codec, bytes, nmse } = types[name]!;
      return { codec, bytes, loss: measured === 0 ? 0 : (divergence * nmse) / measured };
    });
  });
  const weights = model.tensors.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const wanted = "bytes" in target ? target.bytes : Math.floor((target.bitsPerWeight * weights) / 8);
  const sizeOf = (plan: Plan): number => {
    if ("bytes" in target) return outputSet(plan, planOutputHeader(plan, header), "-", true).byteLength;
    return plan.tensors.reduce((sum, planned) => sum + planned.byteLength + learnedBytes(planned), 0);
  };

  const planFor = (mix: TypeMix): { readonly plan: Plan; readonly recipe: Recipe } => {
    const recipe = recipeOf(model, sensitivity, mix, choicesOf, options);
    return { recipe, plan: planConversion(model, { ...options, scheme: recipe }) };
  };

  // What is not in the mix (norms, header, padding) is about the same whatever the mix.
  const largest = mixTypes(choicesOf, Infinity);
  let room = wanted - (sizeOf(planFor(largest).plan) - largest.bytes);
  for (let attempt = 0; attempt < CORRECTIONS; attempt++) {
    const mix = mixTypes(choicesOf, room);
    const { plan, recipe } = planFor(mix);
    const excess = sizeOf(plan) - wanted;
    if (excess > 0) {
      room -= excess;
      continue;
    }
    const bytes = plan.tensors.reduce((sum, planned) => sum + planned.byteLength + learnedBytes(planned), 0);
    return {
      recipe,
      bitsPerWeight: (8 * bytes) / weights,
      fileBytes: outputSet(plan, planOutputHeader(plan, header), "-", true).byteLength,
      estimatedDivergence: mix.loss,
      bound: mix.bound,
    };
  }
  throw new QuantizeError("usage", `no mix of ${candidates.join(", ")} has the target's size: give a larger one`);
}

/** The mix as rules of names, written as shortly as they can be. */
function recipeOf(
  model: Model,
  { tensors }: Sensitivity,
  { choices }: TypeMix,
  options: readonly (readonly { readonly codec: string }[])[],
  planOptions: Omit<PlanOptions, "scheme">,
): Recipe {
  const escape = (name: string): string => name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
  const rules = tensors.map(({ name }, i) => ({ match: `^${escape(name)}$`, type: options[i]![choices[i]!]!.codec }));
  const plain: Recipe = { name: "mixed", type: "keep", rules };
  const { layout, ...rest } = planOptions;
  const { scheme } = recipeForModel(planConversion(model, { ...rest, scheme: plain }));
  return { ...(scheme as Recipe), name: "mixed", ...(layout !== undefined && { layout }) };
}
