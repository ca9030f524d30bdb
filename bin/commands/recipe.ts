/** `quantize recipe`: a scheme as a file to edit. */
import { Command } from "commander";
import { formatRecipe } from "../../src/plan/format-recipe.ts";
import { planConversion } from "../../src/plan/plan-conversion.ts";
import { recipeForModel } from "../../src/plan/recipe-for-model.ts";
import { findScheme } from "../../src/plan/recipes/schemes.ts";
import { openModel } from "../../src/open/open-model.ts";
import * as options from "../options.ts";
import { print, printJson } from "../output.ts";

export function recipeCommand(): Command {
  return new Command("recipe")
    .description("Prints a scheme as a recipe file to edit and check in, for --recipe.")
    .argument("<scheme>", "a scheme's name: see `quantize schemes`")
    .option("--model <model>", "write down what the scheme means for this model, a rule for every kind of tensor")
    .addOption(options.jsonOption())
    .action(async (scheme: string, flags: { model?: string; json?: boolean }) => {
      const recipe =
        flags.model === undefined
          ? { scheme: findScheme(scheme) }
          : recipeForModel(planConversion(await openModel(flags.model, { onUnknownCut: "note" }), { scheme }));
      if (flags.json) printJson(recipe);
      else print(formatRecipe(recipe));
    });
}
