/** Recipes as text to edit: YAML, a rule on a line. */
import { Document, isMap, isSeq, type YAMLMap } from "yaml";
import type { RecipeFile } from "./recipes/recipe-file.types.ts";
import { CONDITION_NAMES, RULE_CONDITIONS } from "./recipes/rule-conditions.ts";

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
