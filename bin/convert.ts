/** The frame around every conversion: progress, Ctrl-C, and the report at the end. */
import type { ConversionReport, RunOptions } from "../src/engine/conversion.types.ts";
import { conversionText } from "../src/report/conversion-text.ts";
import { interruptible } from "./interruption.ts";
import { coloursFor, outputWidth, print, printJson } from "./output.ts";
import { showProgress } from "./progress.ts";
import type { RunFlags } from "./run-options.ts";

/** Runs something on the engine with progress shown and signals heard. */
export async function onEngine<T>(
  flags: Pick<RunFlags, "quiet">,
  work: (run: Pick<RunOptions, "onProgress" | "signal">) => Promise<T>,
): Promise<T> {
  const progress = await showProgress({ isQuiet: flags.quiet ?? false });
  try {
    return await interruptible((signal) => work({ onProgress: progress.onProgress, signal }));
  } finally {
    progress.stop();
  }
}

/** Runs a conversion and prints what became of the tensors. */
export async function convert(
  flags: RunFlags,
  work: (run: Pick<RunOptions, "onProgress" | "signal">) => Promise<ConversionReport>,
): Promise<ConversionReport> {
  const report = await onEngine(flags, work);
  if (flags.json) printJson(report);
  else if (!flags.quiet) {
    print(conversionText(report, { width: outputWidth(), colours: coloursFor(process.stdout, flags.color) }));
  }
  return report;
}
