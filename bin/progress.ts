/**
 * Progress on stderr: a spinner while a file is opened and planned, a bar with time left while weights move or are
 * multiplied, or files are fetched.
 * Only on a terminal; in a pipe or a log, and with --quiet, nothing is written.
 */
import type { Progress } from "../src/engine/run-options.ts";
import { formatBytes, formatCount, formatDuration } from "../src/text/format-number.ts";
import { printable, truncateMiddle } from "../src/text/printable.ts";

const PHASE_TEXT: Readonly<Record<Progress["phase"], string>> = {
  fetch: "fetching",
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

/** How far a run is, in what its phase counts. */
function counted({ phase, weightsDone, weightsTotal, bytesDone, bytesTotal }: Progress): readonly [number, number] {
  return phase === "fetch" ? [bytesDone, bytesTotal] : [weightsDone, weightsTotal];
}

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
  let [startMs, startCount] = [0, 0];

  const payload = (progress: Progress): Record<string, string> => {
    const seconds = Math.max(1e-3, (performance.now() - startMs) / 1000);
    const [count, total] = counted(progress);
    const done = count / Math.max(1, total);
    const fetched = `${formatBytes(progress.bytesDone)} of ${formatBytes(progress.bytesTotal)}`;
    const rate = `${formatCount(progress.weightsDone / seconds)}weights/s ${formatBytes(progress.bytesDone / seconds)}/s`;
    return {
      name: truncateMiddle(printable(progress.step ?? progress.tensor ?? ""), nameWidth).padEnd(nameWidth),
      percent: `${Math.floor(done * 100)}%`.padStart(4),
      rate: MOVES_WEIGHTS.has(progress.phase)
        ? rate
        : progress.phase === "fetch"
          ? fetched
          : PHASE_TEXT[progress.phase],
      // What was there at the start took no time: a transfer that goes on, say.
      left: count > startCount ? formatDuration((seconds / (count - startCount)) * (total - count)) : "-",
    };
  };

  const onProgress = (progress: Progress): void => {
    if (bar !== undefined && progress.phase !== barPhase) {
      bar.stop();
      bar = undefined;
    }
    const [done, total] = counted(progress);
    if (total === 0) {
      spinner.text = PHASE_TEXT[progress.phase];
      if (!spinner.isSpinning) spinner.start();
      return;
    }
    if (bar === undefined) {
      spinner.stop();
      [startMs, startCount] = [performance.now(), done];
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
      bar.start(total, done, payload(progress));
      return;
    }
    bar.update(done, payload(progress));
  };
  const stop = (): void => {
    bar?.stop();
    spinner.stop();
  };
  return { onProgress, stop };
}
