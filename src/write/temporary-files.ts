/** Files in the making, beside those that they shall become. They go when the process ends early. */
import { closeSync, ftruncateSync, openSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ioError } from "../read/input-file.ts";

/** Signals that end the process unless someone handles them. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Makes a file of zeros beside the target.
 * @returns its path
 * @throws QuantizeError `io`
 */
export function createTemporary(target: string, byteLength = 0): string {
  // Unlike enough: the file is opened only if no other has the name.
  const random = Math.floor(Math.random() * 2 ** 32).toString(16);
  const path = join(dirname(target), `.${basename(target)}.${process.pid}-${random}.partial`);
  let fd: number | undefined;
  try {
    fd = openSync(path, "wx");
    keepTrackOf(path);
    ftruncateSync(fd, byteLength);
    return path;
  } catch (cause) {
    if (fd !== undefined) removeTemporary(path);
    throw ioError(target, "cannot be written", cause);
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Removes the file, if it still has that name. For every file that `createTemporary` made, in the end. */
export function removeTemporary(path: string): void {
  rmSync(path, { force: true });
  temporaries.delete(path);
  if (temporaries.size === 0) ignoreExit();
}

/** Temporary files of this process: removed when it ends early. One handler for all, a split output has many. */
const temporaries = new Set<string>();

function removeTemporaries(): void {
  for (const path of temporaries) rmSync(path, { force: true });
}

function onSignal(signal: NodeJS.Signals): void {
  removeTemporaries();
  for (const each of SIGNALS) process.off(each, onSignal);
  // Nobody else wants to handle it: end as the signal would have ended us, so that the shell sees it.
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
}

function ignoreExit(): void {
  process.off("exit", removeTemporaries);
  for (const signal of SIGNALS) process.off(signal, onSignal);
}

function keepTrackOf(path: string): void {
  if (temporaries.size === 0) {
    process.on("exit", removeTemporaries);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  temporaries.add(path);
}
