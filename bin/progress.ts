/**
 * Progress on stderr: a spinner while a file is opened and planned, a bar with time left while weights move or are
 * multiplied.
 * Only on a terminal; in a pipe or a log, and with --quiet, nothing is written.
 */
import type { Progress } from "../src/engine/run-options.ts";
import { formatBytes, formatCount, formatDuration } from "../src/text/format-number.ts";
import { printable, truncateMiddle } from "../src/text/printable.ts";

const PHASE_TEXT: Readonly<Record<Progress["phase"], string>> = {
  open: "opening",
  plan: "planning",
  resume: "looking at what is there",
  convert: "converting",
  compare: "comparing",
  generate: "writing text",
  measure: "measuring",
  calibrate: "calibrating",
  evaluate: "evaluating",
  finish: "finishing: sync, reopen, check",
};

/** Phases in which weights are read and written; in the others they are multiplied. */
const MOVES_WEIGHTS: ReadonlySet<Progress["phase"]> = new Set(["convert", "compare"]);

/** What the engine reports to, and the end of it. */
export interface ProgressView {
  readonly onProgress: (progress: Progress) => void;
  /** Takes everything off the screen; to be called before anything else is printed. */
  readonly stop: () => void;
}

const SILENT: ProgressView = { onProgress: () => {}, stop: () => {} };

/** Begins to show progress, where there is somebody to see it. */
export async function showProgress({ isQuiet }: { isQuiet: boolean }): Promise<ProgressView> {
  if (isQuiet || !process.stderr.isTTY) return SILENT;
  const [{ default: ora }, { default: cliProgress }] = await Promise.all([import("ora"), import("cli-progress")]);
  const spinner = ora({ stream: process.stderr, text: PHASE_TEXT.open, discardStdin: false }).start();
  const nameWidth = Math.max(8, Math.min(28, process.stderr.columns - 62));
  let bar: InstanceType<typeof cliProgress.SingleBar> | undefined;
  let barPhase: Progress["phase"] | undefined;
  let startMs = 0;

  const payload = (progress: Progress): Record<string, string> => {
    const seconds = Math.max(1e-3, (performance.now() - startMs) / 1000);
    const done = progress.weightsDone / Math.max(1, progress.weightsTotal);
    const rate = `${formatCount(progress.weightsDone / seconds)}weights/s ${formatBytes(progress.bytesDone / seconds)}/s`;
    return {
      name: truncateMiddle(printable(progress.step ?? progress.tensor ?? ""), nameWidth).padEnd(nameWidth),
      percent: `${Math.floor(done * 100)}%`.padStart(4),
      rate: MOVES_WEIGHTS.has(progress.phase) ? rate : PHASE_TEXT[progress.phase],
      left: done > 0 ? formatDuration((seconds / done) * (1 - done)) : "-",
    };
  };

  const onProgress = (progress: Progress): void => {
    if (bar !== undefined && progress.phase !== barPhase) {
      bar.stop();
      bar = undefined;
    }
    if (progress.weightsTotal === 0) {
      spinner.text = PHASE_TEXT[progress.phase];
      if (!spinner.isSpinning) spinner.start();
      return;
    }
    if (bar === undefined) {
      spinner.stop();
      startMs = performance.now();
      barPhase = progress.phase;
      bar = new cliProgress.SingleBar({
        format: "{name} {bar}{percent}  {rate}  {left} left",
        barsize: 12,
        barCompleteChar: "█",
        barIncompleteChar: "░",
        hideCursor: true,
        clearOnComplete: true,
        stream: process.stderr,
        fps: 10,
      });
      bar.start(Math.max(1, progress.weightsTotal), progress.weightsDone, payload(progress));
      return;
    }
    bar.update(progress.weightsDone, payload(progress));
  };
  const stop = (): void => {
    bar?.stop();
    spinner.stop();
  };
  return { onProgress, stop };
}
