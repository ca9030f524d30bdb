/** Options of the files that a run may write beside its result. */
import type { Command } from "commander";

export interface SideFlags {
  readonly manifest?: string;
  readonly report?: string;
  readonly saveRecipe?: string;
  readonly force?: boolean;
}

export function addSideFileOptions(command: Command): Command {
  return command
    .option("--manifest <file.json>", "write the manifest, which is also inside the output")
    .option("--save-recipe <file.yaml>", "write what was done as a recipe, for --recipe")
    .option("--report <file.html>", "write the report as a page without outside references");
}
