/** The frame around everything that runs on the engine: progress, Ctrl-C, and the report at the end. */
import type { RunOptions } from "../src/engine/run-options.ts";
import type { ConversionReport, VerificationReport } from "../src/jobs/conversion.types.ts";
import type { EvaluationReport } from "../src/jobs/evaluation.types.ts";
import { exitCode, type QuantizeError } from "../src/errors.ts";
import { conversionText } from "../src/report/conversion-text.ts";
import { evaluationText } from "../src/report/evaluation-text.ts";
import { verificationText } from "../src/report/verification-text.ts";
import { interruptible } from "./interruption.ts";
import { print, printJson, stdoutView } from "./output.ts";
import { showProgress } from "./progress.ts";
import type { RunFlags } from "./run-options.ts";

type Report = ConversionReport | VerificationReport | EvaluationReport;

/** The report that a missed budget or damage brings along, so that people see which tensor it was. */
function reportOf(error: unknown): Report | undefined {
  const cause: unknown = exitCode(error) === 3 ? (error as QuantizeError).cause : undefined;
  const isReport = typeof cause === "object" && cause !== null && ("tensors" in cause || "perplexity" in cause);
  return isReport ? (cause as Report) : undefined;
}

function show(report: Report, flags: RunFlags): void {
  if (flags.quiet) return;
  const view = stdoutView(flags);
  if ("totals" in report) print(conversionText(report, view));
  else if ("perplexity" in report) print(evaluationText(report, view));
  else print(verificationText(report, view));
}

/** Runs something on the engine with progress shown and signals heard. */
export async function runOnEngine<T>(
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

/** Runs something on the engine and prints its report. A missed budget or damage prints the report too, and is thrown on. */
export async function onEngine<T extends Report>(
  flags: RunFlags,
  work: (run: Pick<RunOptions, "onProgress" | "signal">) => Promise<T>,
): Promise<T> {
  try {
    const report = await runOnEngine(flags, work);
    if (flags.json) printJson(report);
    else show(report, flags);
    return report;
  } catch (error) {
    const report = reportOf(error);
    // With --json the failure's own object holds the report: one document on stdout, whatever happened.
    if (report !== undefined && !flags.json) show(report, flags);
    throw error;
  }
}
