/**
 * Files that are there whole or not at all: temporary files beside the targets, fsync, renames, fsync of the folder.
 * Whatever goes wrong before `commit` (an error, Ctrl-C, `process.exit`), nothing is left.
 */
import { closeSync, fsync, fsyncSync, linkSync, openSync, renameSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { QuantizeError } from "../errors.ts";
import { ioError, isSystemError } from "../read/input-file.ts";
import { checkOutput, type OutputOptions } from "./output-path.ts";
import { createTemporary, removeTemporary } from "./temporary-files.ts";

/** Outputs in the making. */
export interface OutputFiles {
  /** One for each file, of the finished file's size. Threads open them themselves and write by position. */
  readonly temporaryPaths: readonly string[];
  /** Waits until all that was written is on the disk. @throws QuantizeError `io` */
  sync(): Promise<void>;
  /**
   * Gives the files their names, the first one last: as long as it is missing, the others are no set.
   * @throws QuantizeError `output-exists` when one came into being in the meantime, `io`
   */
  commit(): void;
  /** Removes what has no name yet; to be called in any case, after `commit` too. */
  discard(): void;
}

/**
 * Makes the temporary files of outputs that belong together.
 * @throws QuantizeError as `checkOutput`, `io`
 */
export function openOutputFiles(files: readonly OutputOptions[]): OutputFiles {
  for (const file of files) checkOutput(file);
  const temporaryPaths: string[] = [];
  const discard = (): void => {
    for (const path of temporaryPaths) removeTemporary(path);
  };
  try {
    for (const { path, byteLength } of files) temporaryPaths.push(createTemporary(resolve(path), byteLength));
  } catch (error) {
    discard();
    throw error;
  }
  return {
    temporaryPaths,
    discard,
    async sync() {
      for (const [i, { path }] of files.entries()) {
        await syncFile(temporaryPaths[i]!).catch((cause: unknown) => {
          throw ioError(path, "cannot be written", cause);
        });
      }
    },
    commit() {
      for (const [i, { path, force = false }] of [...files.entries()].reverse()) {
        moveIntoPlace(temporaryPaths[i]!, path, force);
      }
      for (const folder of new Set(files.map(({ path }) => dirname(resolve(path))))) syncFolder(folder);
    },
  };
}

async function syncFile(path: string): Promise<void> {
  const fd = openSync(path, "r+");
  try {
    await promisify(fsync)(fd);
  } finally {
    closeSync(fd);
  }
}

function syncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } catch {
    // Some file systems (and Windows) cannot sync a folder; the files themselves are synced by then.
  } finally {
    closeSync(fd);
  }
}

function moveIntoPlace(temporaryPath: string, path: string, force: boolean): void {
  try {
    // A rename would silently replace a file that came up in the meantime; a hard link fails.
    if (!force) linkSync(temporaryPath, path);
    else renameSync(temporaryPath, path);
  } catch (error) {
    if (force || !isSystemError(error)) throw ioError(path, "cannot be written", error);
    if (error.code === "EEXIST") {
      throw new QuantizeError("output-exists", `${path}: came into being in the meantime; use --force to replace it`);
    }
    // No hard links here.
    renameSync(temporaryPath, path);
  }
}
