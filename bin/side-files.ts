/** The report that a run may write beside its result: its place is taken before the work. */
import { htmlReport } from "../src/report/html-report.ts";
import type { ConversionReport } from "../src/jobs/conversion.types.ts";
import { textSteps, withOutput } from "../src/write/atomic-output.ts";
import type { SideFlags } from "./side-file-options.ts";

/**
 * Runs a conversion, and writes its report as a page where that is wanted.
 * @throws QuantizeError before the work when the page may not be written, and whatever `convert` throws
 */
export async function withReport(
  { report: path, force = false }: SideFlags,
  convert: () => Promise<ConversionReport>,
): Promise<void> {
  if (path === undefined) return void (await convert());
  await withOutput({ path, force }, async (page) => page.write(textSteps(await htmlReport(await convert()))));
}
