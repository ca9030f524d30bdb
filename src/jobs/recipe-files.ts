/** Recipes as text. What parses and checks them is loaded when it is first used: see recipe-schema.ts. */
import type { RecipeFile } from "../plan/recipes/recipe-file.types.ts";

/**
 * Reads a recipe, or the recipe in a manifest, from a YAML or JSON file.
 * @throws QuantizeError `io`, and as `parseRecipe`
 */
export async function readRecipe(path: string): Promise<RecipeFile> {
  return (await import("../plan/recipes/read-recipe.ts")).readRecipe(path);
}

/**
 * Reads a recipe from its text.
 * @param path for messages
 * @throws QuantizeError `usage` or `unknown-name`, with line and column
 */
export async function parseRecipe(text: string, path: string): Promise<RecipeFile> {
  return (await import("../plan/recipes/read-recipe.ts")).parseRecipe(text, path);
}

/** A recipe as YAML with comments; `readRecipe` gives the same recipe back. */
export async function formatRecipe(recipe: RecipeFile): Promise<string> {
  return (await import("../plan/format-recipe.ts")).formatRecipe(recipe);
}
