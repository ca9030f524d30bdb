/**
 * Writing a file so that it is there whole or not at all: a temporary file beside the target, fsync, a check of what
 * was written, rename, fsync of the folder. Whatever goes wrong (an error, Ctrl-C, `process.exit`), nothing is left.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../errors.ts";
import { ioError, isSystemError } from "../read/input-file.ts";

/** Signals that end the process unless someone handles them. */
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export interface OutputOptions {
  /** Where the file shall stand in the end. */
  readonly path: string;
  /** Files that are being read: the output must be none of them, by whatever name. */
  readonly inputs: readonly string[];
  /** Replace an existing file. Default: refuse. */
  readonly force?: boolean;
  /** Size of the finished file: the temporary one gets it at once, and the disk must have room for it. */
  readonly byteLength?: number;
}

/** What to do with the temporary file. Both are given its path; threads open it themselves and write by position. */
export interface OutputSteps<T> {
  readonly write: (temporaryPath: string) => T | Promise<T>;
  /** Called when all bytes are on the disk, to reopen the file and check it. */
  readonly check?: (temporaryPath: string, result: T) => void | Promise<void>;
}

/**
 * Refuses outputs that must not be written; asks the disk for room.
 * For plans and dry runs; `writeAtomically` calls it first.
 * @throws QuantizeError `output-exists` (it exists and `force` is not set, or is an input), `io` (no such folder),
 * `no-room` (the disk is too full), `usage` for `-`
 */
export function checkOutput({ path, inputs, force = false, byteLength }: OutputOptions): void {
  if (path === "-") {
    throw new QuantizeError("usage", "expected a file to write, found -: outputs appear whole or not at all");
  }
  const folder = dirname(resolve(path));
  const target = statOrUndefined(path);
  const sameAs = inputs.find((input) => isSameFile(path, target, input));
  if (sameAs !== undefined) {
    throw new QuantizeError("output-exists", `${path}: the output is the input ${sameAs}; give another path`);
  }
  if (target?.isDirectory()) {
    throw new QuantizeError("output-exists", `${path}: expected a file to write, found a folder`);
  }
  if (target !== undefined && !target.isFile()) {
    throw new QuantizeError("output-exists", `${path}: expected a file to write, found a device or a pipe`);
  }
  if (target !== undefined && !force) {
    throw new QuantizeError("output-exists", `${path}: exists already; use --force to replace it`);
  }
  if (!existsSync(folder)) throw new QuantizeError("io", `${path}: no such folder: ${folder}`);
  if (byteLength !== undefined) requireRoom(path, folder, byteLength);
}

function statOrUndefined(path: string) {
  return statSync(path, { throwIfNoEntry: false });
}

/** By resolved name, or by device and inode: another name, a hard link or a symbolic link to the same bytes. */
function isSameFile(path: string, target: ReturnType<typeof statOrUndefined>, input: string): boolean {
  if (resolve(path) === resolve(input)) return true;
  const other = target === undefined ? undefined : statOrUndefined(input);
  return target !== undefined && other !== undefined && target.dev === other.dev && target.ino === other.ino;
}

/** Asks the disk of a folder for room. @param path what it is for @throws QuantizeError `no-room` */
export function requireRoom(path: string, folder: string, byteLength: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (byteLength > free) {
    throw new QuantizeError("no-room", `${path}: needs ${byteLength} bytes of disk, ${free} are free in ${folder}`);
  }
}

/**
 * Writes a file by way of a temporary one.
 * @returns what `write` returned
 * @throws QuantizeError as `checkOutput`, `io` from the system, and whatever `write` and `check` throw
 */
export async function writeAtomically<T>(options: OutputOptions, { write, check }: OutputSteps<T>): Promise<T> {
  checkOutput(options);
  const target = resolve(options.path);
  const temporaryPath = createTemporary(target, options.byteLength);
  const release = removeOnExit(temporaryPath);
  try {
    const result = await write(temporaryPath);
    syncPath(temporaryPath, "r+");
    await check?.(temporaryPath, result);
    moveIntoPlace(temporaryPath, target, options.force === true);
    syncPath(dirname(target), "r");
    return result;
  } catch (error) {
    throw isSystemError(error) && !(error instanceof QuantizeError)
      ? ioError(options.path, "cannot be written", error)
      : error;
  } finally {
    release();
    rmSync(temporaryPath, { force: true });
  }
}

function createTemporary(target: string, byteLength = 0): string {
  // Unlike enough: the file is opened only if no other has the name.
  const random = Math.floor(Math.random() * 2 ** 32).toString(16);
  const path = join(dirname(target), `.${basename(target)}.${process.pid}-${random}.partial`);
  try {
    const fd = openSync(path, "wx");
    try {
      ftruncateSync(fd, byteLength);
    } finally {
      closeSync(fd);
    }
    return path;
  } catch (cause) {
    rmSync(path, { force: true });
    throw ioError(target, "cannot be written", cause);
  }
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

/** Removes the file when the process ends early. Returns the function that calls this off. */
function removeOnExit(path: string): () => void {
  if (temporaries.size === 0) {
    process.on("exit", removeTemporaries);
    for (const signal of SIGNALS) process.on(signal, onSignal);
  }
  temporaries.add(path);
  return () => {
    temporaries.delete(path);
    if (temporaries.size === 0) ignoreExit();
  };
}

/** Flushes a file or a folder to the disk. */
function syncPath(path: string, flags: "r" | "r+"): void {
  const fd = openSync(path, flags);
  try {
    fsyncSync(fd);
  } catch (error) {
    // Some file systems (and Windows) cannot sync a folder; the file itself is synced by then.
    if (!statSync(path).isDirectory()) throw error;
  } finally {
    closeSync(fd);
  }
}

function moveIntoPlace(temporaryPath: string, target: string, force: boolean): void {
  if (force) {
    renameSync(temporaryPath, target);
    return;
  }
  try {
    // A rename would silently replace a file that came up in the meantime; a hard link fails.
    linkSync(temporaryPath, target);
  } catch (error) {
    if (isSystemError(error) && error.code === "EEXIST") {
      throw new QuantizeError("output-exists", `${target}: came into being in the meantime; use --force to replace it`);
    }
    renameSync(temporaryPath, target);
  }
}
