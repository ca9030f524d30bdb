/**
 * Files that are there whole or not at all: temporary files beside the targets, flushed while they are written, synced,
 * and given their names together. Whatever goes wrong before `commit` (an error, Ctrl-C, `process.exit`), nothing is left.
 */
import { closeSync, existsSync, fsync, openSync } from "node:fs";
import { basename, resolve } from "node:path";
import { promisify } from "node:util";
import { giveUpOutput, noteWritten } from "../read/file-log.ts";
import { ioError } from "../read/input-file.ts";
import { recordPathOf } from "../read/replacement-record.ts";
import { startFlushing, type BackgroundFlush } from "./background-flush.ts";
import { finishNaming, giveNames } from "./give-names.ts";
import { takePath, type OutputOptions } from "./output-path.ts";
import { createTemporary, leftovers, letGo, removeTemporary } from "./temporary-files.ts";

/** Outputs in the making. */
export interface OutputFiles {
  /** One for each file, of the finished file's size. Threads open them themselves and write by position. */
  readonly temporaryPaths: readonly string[];
  /** What was found in their place and put in order, a sentence each. */
  readonly notes: readonly string[];
  /** Tells how many bytes have been written so far, of all files. @throws QuantizeError `io` when a flush has failed */
  wrote(total: number): void;
  /** Waits until all that was written is on the disk. @throws QuantizeError `io` when it is not, or was not at any time */
  sync(): Promise<void>;
  /** Gives the files their names, all or none. @throws QuantizeError `output-exists`, `io` */
  commit(): void;
  /** Removes what has no name yet; to be called in any case, after `commit` too. */
  discard(): void;
}

/**
 * Makes the temporary files of outputs that belong together, all in one folder.
 * @param force replace existing files; else they are refused
 * @throws QuantizeError as `takePath`, `io`
 */
export function openOutputFiles(files: readonly Omit<OutputOptions, "force">[], force: boolean): OutputFiles {
  const taken: string[] = [];
  const temporaryPaths: string[] = [];
  const notes: string[] = [];
  let flush: BackgroundFlush | undefined;
  let hasNames = false;
  const discard = (): void => {
    flush?.stop();
    for (const path of temporaryPaths) removeTemporary(path);
    if (!hasNames) for (const path of taken) giveUpOutput(path);
  };
  try {
    if (files.length > 1 && finishNaming(resolve(files[0]!.path))) {
      notes.push(`${files[0]!.path}: a run that was killed had finished these files, and now they have their names`);
    }
    for (const file of files) {
      takePath({ ...file, force });
      taken.push(file.path);
    }
    for (const { path, byteLength } of files) {
      notes.push(...removeLeftovers(resolve(path)));
      temporaryPaths.push(createTemporary(resolve(path), byteLength));
    }
    flush = startFlushing(files.map(({ path }, i) => ({ path, temporaryPath: temporaryPaths[i]! })));
  } catch (error) {
    discard();
    throw error;
  }
  return {
    temporaryPaths,
    notes,
    discard,
    wrote: flush.wrote,
    async sync() {
      await flush.stop();
      for (const [i, { path }] of files.entries()) {
        await syncFile(temporaryPaths[i]!).catch((cause: unknown) => {
          throw ioError(path, "cannot be written", cause);
        });
      }
      flush.throwIfFailed();
    },
    commit() {
      try {
        giveNames(
          files.map(({ path }, i) => ({ path, temporaryPath: temporaryPaths[i]! })),
          force,
        );
      } catch (error) {
        if (existsSync(recordPathOf(resolve(files[0]!.path)))) for (const path of temporaryPaths.splice(0)) letGo(path);
        throw error;
      }
      hasNames = true;
      for (const { path } of files) noteWritten(path);
    },
  };
}

/** Removes what killed runs have left of the same output. @returns a sentence for each */
function removeLeftovers(target: string): string[] {
  return leftovers(target).map(({ path, pid }) => {
    removeTemporary(path);
    return `removed ${basename(path)}, which process ${pid} had left when it was killed`;
  });
}

async function syncFile(path: string): Promise<void> {
  const fd = openSync(path, "r+");
  try {
    await promisify(fsync)(fd);
  } finally {
    closeSync(fd);
  }
}
