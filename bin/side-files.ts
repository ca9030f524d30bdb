/** The report that a run may write beside its result. Refused before the work, written after. */
import { writeFileSync } from "node:fs";
import type { ConversionReport } from "../src/jobs/conversion.types.ts";
import { QuantizeError } from "../src/errors.ts";
import { htmlReport } from "../src/report/html-report.ts";
import { writeAtomically } from "../src/write/atomic-output.ts";
import { checkOutput } from "../src/write/output-path.ts";
import type { SideFlags } from "./side-file-options.ts";

/** @throws QuantizeError when a side file may not be written, before any work is done */
export function checkSideFiles({ manifest, report, force = false }: SideFlags, input: string, output: string): void {
  const paths = [manifest, report].filter((path) => path !== undefined);
  for (const path of paths) checkOutput({ path, inputs: [input, output], force });
  if (paths.length === 2 && paths[0] === paths[1]) {
    throw new QuantizeError("usage", "--manifest and --report name the same file");
  }
}

/** Writes the page that was asked for. */
export async function writeReport({ report: path, force = false }: SideFlags, report: ConversionReport): Promise<void> {
  if (path === undefined) return;
  const page = await htmlReport(report);
  await writeAtomically({ path, inputs: [], force }, { write: (temporary) => writeFileSync(temporary, page) });
}
