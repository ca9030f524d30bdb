/** Ctrl-C and `kill`: the run is told to stop and takes its temporary files with it; a second signal ends at once. */
import { constants } from "node:os";

/** Ctrl-C, `kill`, and a terminal that is closed. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** A signal that aborts at any of them, for as long as `work` runs. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(128 + constants.signals[name]);
    controller.abort(new DOMException(`stopped by ${name}`, "AbortError"));
  };
  for (const name of SIGNALS) process.on(name, onSignal);
  try {
    return await work(controller.signal);
  } catch (error) {
    // With its temporary file gone, the run may fail in other words before it hears of the signal.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    for (const name of SIGNALS) process.off(name, onSignal);
  }
}
