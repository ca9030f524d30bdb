/** Files in the making, beside those that they shall become. They go when the process ends early. */
import { closeSync, ftruncateSync, openSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ioError } from "../read/input-file.ts";
import { makerOf, temporaryName, type TemporaryKind } from "./temporary-name.ts";

/** Signals that end the process unless someone handles them. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Temporary files of this process: removed when it ends early. One handler for all, a split output has many. */
const temporaries = new Set<string>();

/**
 * Makes a file of zeros beside the target.
 * @returns its path
 * @throws QuantizeError `io`
 */
export function createTemporary(target: string, byteLength = 0, kind: TemporaryKind = "partial"): string {
  const path = join(dirname(target), temporaryName(target, kind));
  let fd: number | undefined;
  try {
    // Opened only if no other has the name.
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
  letGo(path);
}

/** Leaves a temporary file where it is, whatever becomes of the process. */
export function letGo(path: string): void {
  temporaries.delete(path);
  if (temporaries.size === 0) ignoreExit();
}

/** Files beside a target that processes have left which are no more. */
export function leftovers(
  target: string,
): { readonly path: string; readonly kind: TemporaryKind; readonly pid: number }[] {
  const folder = dirname(target);
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    const maker = makerOf(name, target);
    if (maker === undefined) return [];
    // A number that is ours again, as in a container that was started anew.
    const isDead = maker.state === "dead" || (maker.pid === process.pid && !temporaries.has(path));
    return isDead ? [{ path, kind: maker.kind, pid: maker.pid }] : [];
  });
}

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
