/** `quantize recipe`: a scheme, or a mix for a size, as a file to edit. */
import { Command } from "commander";
import { QuantizeError } from "../../src/errors.ts";
import { openModel } from "../../src/open/open-model.ts";
import { formatRecipe } from "../../src/plan/format-recipe.ts";
import { recipeForModel } from "../../src/plan/recipe-for-model.ts";
import type { RecipeFile } from "../../src/plan/recipes/recipe-file.types.ts";
import { findScheme } from "../../src/plan/recipes/schemes.ts";
import { addMixOptions, type MixFlags } from "../mix-options.ts";
import * as options from "../options.ts";
import { print, printJson } from "../output.ts";
import { planRequestOf } from "../plan-options.ts";
import { planWithoutMeasuring } from "../plan-request.ts";

interface RecipeFlags extends MixFlags {
  readonly model?: string;
  readonly json?: boolean;
}

async function recipeOf(scheme: string | undefined, { model, json: _, ...mix }: RecipeFlags): Promise<RecipeFile> {
  const isMixed = Object.keys(mix).length > 0;
  if (scheme === undefined && !isMixed) {
    throw new QuantizeError("usage", "no scheme given: for example q4_k_m (see `quantize schemes`)");
  }
  if (scheme !== undefined && isMixed) throw new QuantizeError("usage", "expected a scheme or a size, found both");
  if (model === undefined) {
    if (scheme === undefined) throw new QuantizeError("usage", "a mix is made for a model: --model <model>");
    return { scheme: findScheme(scheme) };
  }
  const request = await planRequestOf({ ...mix, ...(scheme !== undefined && { scheme }) });
  return recipeForModel(await planWithoutMeasuring(await openModel(model, { onUnknownCut: "note" }), request));
}

export function recipeCommand(): Command {
  const command = new Command("recipe")
    .description("Prints a scheme, or a mix of types for a size, as a recipe file to edit and check in, for --recipe.")
    .argument("[scheme]", "a scheme's name: see `quantize schemes`")
    .option("--model <model>", "write down what the scheme means for this model, a rule for every kind of tensor");
  return addMixOptions(command)
    .addOption(options.jsonOption())
    .action(async (scheme: string | undefined, flags: RecipeFlags) => {
      const recipe = await recipeOf(scheme, flags);
      if (flags.json) printJson(recipe);
      else print(formatRecipe(recipe));
    });
}
