/** Where an output may stand: never on a file that the run has read or writes already, never on another without `force`. */
import { existsSync, lstatSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { QuantizeError } from "../errors.ts";
import { giveUpOutput, takeOutput } from "../read/file-log.ts";
import { ioError, isSystemError } from "../read/input-file.ts";

export interface OutputOptions {
  /** Where the file shall stand in the end. */
  readonly path: string;
  /** Replace an existing file. Default: refuse. */
  readonly force?: boolean;
  /** Size of the finished file: the temporary one gets it at once. */
  readonly byteLength?: number;
  /** Bytes for which the disk must have room. Default: `byteLength`; more where several files belong together. */
  readonly roomBytes?: number;
}

/**
 * Takes a path for an output of the run, unless nothing may be written there; asks the disk for room. `giveUpOutput`
 * undoes it.
 * @throws QuantizeError `output-exists` (it is an input or another output of the run, or exists and `force` is not set),
 * `io` (no such folder), `no-room` (the disk is too full), `usage` for `-`
 */
export function takePath(options: OutputOptions): void {
  const { path, force = false, byteLength, roomBytes = byteLength } = options;
  if (path === "-") {
    throw new QuantizeError("usage", "expected a file to write, found -: outputs appear whole or not at all");
  }
  asking(path, () => takeOutput(path));
  try {
    checkOutput(path, force);
    if (roomBytes !== undefined) requireRoom(path, dirname(resolve(path)), roomBytes);
  } catch (error) {
    giveUpOutput(path);
    throw error;
  }
}

/**
 * Looks whether there may be a file of that name, and its folder is there.
 * @throws QuantizeError `output-exists`, `io`
 */
export function checkOutput(path: string, force: boolean): void {
  asking(path, () => requireFree(path, force));
  const folder = dirname(resolve(path));
  if (!existsSync(folder)) throw new QuantizeError("io", `${path}: no such folder: ${folder}`);
}

/** Asks the system about a path, which may be one that it cannot follow. */
function asking(path: string, ask: () => void): void {
  try {
    ask();
  } catch (error) {
    throw isSystemError(error) ? ioError(path, "cannot be written", error) : error;
  }
}

function requireFree(path: string, force: boolean): void {
  // A link that leads nowhere is there all the same: replacing it is what `force` is for.
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  const target = statSync(path, { throwIfNoEntry: false });
  if (target !== undefined && !target.isFile()) {
    const found = target.isDirectory() ? "a folder" : "a device or a pipe";
    throw new QuantizeError("output-exists", `${path}: expected a file to write, found ${found}`);
  }
  if (!force) throw new QuantizeError("output-exists", `${path}: exists already; use --force to replace it`);
}

/** Asks the disk of a folder for room. @param path what it is for @throws QuantizeError `no-room` */
export function requireRoom(path: string, folder: string, byteLength: number): void {
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(folder);
    free = bavail * bsize;
  } catch {
    // Some network file systems do not say; then the disk says so itself, when it is full.
    return;
  }
  if (byteLength > free) {
    throw new QuantizeError("no-room", `${path}: needs ${byteLength} bytes of disk, ${free} are free in ${folder}`);
  }
}
