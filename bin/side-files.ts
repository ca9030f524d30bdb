/** Files that a run may write beside its result: the manifest, the recipe, the report. Refused before the work, written after. */
import { writeFileSync } from "node:fs";
import type { ConversionReport } from "../src/jobs/conversion.types.ts";
import { QuantizeError } from "../src/errors.ts";
import { formatRecipe, parseRecipe } from "../src/jobs/recipe-files.ts";
import { readManifest } from "../src/open/read-manifest.ts";
import { htmlReport } from "../src/report/html-report.ts";
import { checkOutput, writeAtomically } from "../src/write/atomic-output.ts";
import type { SideFlags } from "./side-file-options.ts";

/** @throws QuantizeError when a side file may not be written, before any work is done */
export function checkSideFiles(flags: SideFlags, input: string, output: string): void {
  const paths = [flags.manifest, flags.saveRecipe, flags.report].filter((path) => path !== undefined);
  for (const path of paths) checkOutput({ path, inputs: [input, output], force: flags.force ?? false });
  if (new Set(paths).size < paths.length) {
    throw new QuantizeError("usage", "two of --manifest, --save-recipe and --report name the same file");
  }
}

async function writeText(path: string, text: string, force = false): Promise<void> {
  await writeAtomically({ path, inputs: [], force }, { write: (temporary) => writeFileSync(temporary, text) });
}

/** Writes what was asked for, from the finished output. */
export async function writeSideFiles(flags: SideFlags, report: ConversionReport): Promise<void> {
  if (flags.manifest !== undefined) {
    const manifest = await readManifest(report.output);
    await writeText(flags.manifest, `${JSON.stringify(manifest, null, 2)}\n`, flags.force);
  }
  if (flags.saveRecipe !== undefined) {
    const recipe = await parseRecipe(JSON.stringify(await readManifest(report.output)), report.output);
    await writeText(flags.saveRecipe, await formatRecipe(recipe), flags.force);
  }
  if (flags.report !== undefined) await writeText(flags.report, await htmlReport(report), flags.force);
}
