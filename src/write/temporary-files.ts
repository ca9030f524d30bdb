/** Files in the making, beside those that they shall become. They go when the process ends early, unless they shall stay. */
import { closeSync, ftruncateSync, openSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { ioError } from "../read/input-file.ts";
import { temporaryName, type TemporaryKind } from "./temporary-name.ts";

/** Signals that end the process unless someone handles them. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Temporary files of this process, and whether they outlive it. One handler for all, a split output has many. */
const temporaries = new Map<string, { readonly stays: boolean }>();

export interface TemporaryOptions {
  readonly byteLength?: number;
  readonly kind?: TemporaryKind;
  /** Leave it where it is when the process ends early. */
  readonly stays?: boolean;
}

/**
 * Makes a file of zeros beside the target.
 * @returns its path
 * @throws QuantizeError `io`
 */
export function createTemporary(target: string, options: TemporaryOptions = {}): string {
  const { byteLength = 0, kind = "partial", stays = false } = options;
  const path = join(dirname(target), temporaryName(target, kind));
  let fd: number | undefined;
  try {
    // Opened only if no other has the name.
    fd = openSync(path, "wx");
    own(path, stays);
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

/** Leaves a temporary file where it is, for whoever comes next. */
export function letGo(path: string): void {
  temporaries.delete(path);
  if (temporaries.size === 0) ignoreExit();
}

/** True for files that this process works on. */
export function isOurs(path: string): boolean {
  return temporaries.has(path);
}

/** Makes a temporary file this process's own. @param stays when the process ends early */
export function own(path: string, stays: boolean): void {
  if (temporaries.size === 0) {
    process.on("exit", removeTemporaries);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  temporaries.set(path, { stays });
}

function removeTemporaries(): void {
  for (const [path, { stays }] of temporaries) if (!stays) rmSync(path, { force: true });
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
