/** Ctrl-C and `kill`: the run is told to stop and takes its temporary files with it; a second signal ends at once. */

/** A signal that aborts at SIGINT or SIGTERM, for as long as `work` runs. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const onSignal = (name: NodeJS.Signals): void => {
    if (controller.signal.aborted) process.exit(name === "SIGINT" ? 130 : 143);
    controller.abort(new DOMException(`stopped by ${name}`, "AbortError"));
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  try {
    return await work(controller.signal);
  } catch (error) {
    // With its temporary file gone, the run may fail in other words before it hears of the signal.
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    process.off("SIGINT", onSignal).off("SIGTERM", onSignal);
  }
}
