/** Files that a run may write beside its result: the manifest and the report. Refused before the work, written after. */
import { writeFileSync } from "node:fs";
import type { ConversionReport } from "../src/jobs/conversion.types.ts";
import { QuantizeError } from "../src/errors.ts";
import { readManifest } from "../src/open/read-manifest.ts";
import { htmlReport } from "../src/report/html-report.ts";
import { writeAtomically } from "../src/write/atomic-output.ts";
import { checkOutput } from "../src/write/output-path.ts";
import type { SideFlags } from "./side-file-options.ts";

/** @throws QuantizeError when a side file may not be written, before any work is done */
export function checkSideFiles(flags: SideFlags, input: string, output: string): void {
  const paths = [flags.manifest, flags.report].filter((path) => path !== undefined);
  for (const path of paths) checkOutput({ path, inputs: [input, output], force: flags.force ?? false });
  if (paths.length === 2 && paths[0] === paths[1]) {
    throw new QuantizeError("usage", "--manifest and --report name the same file");
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
  if (flags.report !== undefined) await writeText(flags.report, await htmlReport(report), flags.force);
}
