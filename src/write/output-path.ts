/** Where an output may stand: never on a file that is being read, never on another without `force`. */
import { existsSync, statfsSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { QuantizeError } from "../errors.ts";

export interface OutputOptions {
  /** Where the file shall stand in the end. */
  readonly path: string;
  /** Files that are being read: the output must be none of them, by whatever name. */
  readonly inputs: readonly string[];
  /** Replace an existing file. Default: refuse. */
  readonly force?: boolean;
  /** Size of the finished file: the temporary one gets it at once. */
  readonly byteLength?: number;
  /** Bytes for which the disk must have room. Default: `byteLength`; more where several files belong together. */
  readonly roomBytes?: number;
}

/**
 * Refuses outputs that must not be written; asks the disk for room. Whatever writes a file calls it first.
 * @throws QuantizeError `output-exists` (it exists and `force` is not set, or is an input), `io` (no such folder),
 * `no-room` (the disk is too full), `usage` for `-`
 */
export function checkOutput({ path, inputs, force = false, byteLength, roomBytes = byteLength }: OutputOptions): void {
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
  if (roomBytes !== undefined) requireRoom(path, folder, roomBytes);
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

function requireRoom(path: string, folder: string, byteLength: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const free = bavail * bsize;
  if (byteLength > free) {
    throw new QuantizeError("no-room", `${path}: needs ${byteLength} bytes of disk, ${free} are free in ${folder}`);
  }
}
