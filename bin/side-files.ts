/** Files that a run may write beside its result, the recipe and the report: their places are taken before the work. */
import { formatRecipe, parseRecipe } from "../src/jobs/recipe-files.ts";
import { readManifest } from "../src/open/read-manifest.ts";
import { htmlReport } from "../src/report/html-report.ts";
import type { ConversionReport } from "../src/jobs/conversion.types.ts";
import { textSteps, withOutput } from "../src/write/atomic-output.ts";
import type { SideFlags } from "./side-file-options.ts";

/** A file that is made from what a conversion came to. */
interface SideFile {
  readonly path: string | undefined;
  readonly text: (report: ConversionReport) => Promise<string>;
}

/**
 * Runs a conversion, and writes what was asked for beside it.
 * @throws QuantizeError before the work when a side file may not be written, and whatever `convert` throws
 */
export async function withSideFiles(flags: SideFlags, convert: () => Promise<ConversionReport>): Promise<void> {
  const files: SideFile[] = [
    { path: flags.saveRecipe, text: recipeText },
    { path: flags.report, text: htmlReport },
  ];
  await files.reduce((run, file) => () => withSideFile(file, flags, run), convert)();
}

async function withSideFile(
  { path, text }: SideFile,
  { force = false }: SideFlags,
  convert: () => Promise<ConversionReport>,
): Promise<ConversionReport> {
  if (path === undefined) return convert();
  return withOutput({ path, force }, async (file) => {
    const report = await convert();
    await file.write(textSteps(await text(report)));
    return report;
  });
}

async function recipeText({ output }: ConversionReport): Promise<string> {
  return formatRecipe(await parseRecipe(JSON.stringify(await readManifest(output)), output));
}
