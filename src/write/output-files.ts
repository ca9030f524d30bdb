/**
 * Files that are there whole or not at all: temporary files beside the targets, flushed while they are written, synced,
 * and given their names together. Whatever goes wrong before `commit` (an error, Ctrl-C, `process.exit`), nothing is left;
 * or, where a later run shall go on, what was done stays beside its journal.
 */
import { closeSync, existsSync, fsync, openSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { giveUpOutput, noteWritten } from "../read/file-log.ts";
import { ioError, isSystemError } from "../read/input-file.ts";
import { recordPathOf } from "../read/replacement-record.ts";
import { startFlushing, type BackgroundFlush } from "./background-flush.ts";
import { finishNaming, giveNames } from "./give-names.ts";
import { addToJournal } from "./journal.ts";
import { markedFile, removeLeftovers, takeOver, type JournalHead, type Resumable } from "./leftovers.ts";
import { takePath, type OutputOptions } from "./output-path.ts";
import { createTemporary, letGo, removeTemporary } from "./temporary-files.ts";

/** Outputs in the making. */
export interface OutputFiles {
  /** One for each file, of the finished file's size. Threads open them themselves and write by position. */
  readonly temporaryPaths: readonly string[];
  /** What was found in their place and put in order, a sentence each. */
  readonly notes: readonly string[];
  /** What an earlier run has noted in the journal, to be looked at before it is believed. */
  readonly earlier?: EarlierRun;
  /** Notes what is done now. Nothing without a journal. @throws QuantizeError `io` */
  note(values: readonly unknown[]): void;
  /** Tells how many bytes have been written so far, of all files. @throws QuantizeError `io` when a flush has failed */
  wrote(total: number): void;
  /** Waits until all that was written is on the disk. @throws QuantizeError `io` when it is not, or was not at any time */
  sync(): Promise<void>;
  /** Gives the files their names, all or none. @throws QuantizeError `output-exists`, `io` */
  commit(): void;
  /**
   * Removes what has no name yet, or leaves it to a later run; to be called in any case, after `commit` too.
   * @param isKept false: no later run has use for it. Default true
   */
  discard(isKept?: boolean): void;
}

/** A run that was cut off, by its journal. */
export interface EarlierRun {
  readonly about: unknown;
  readonly done: readonly unknown[];
}

/** What is to become of an output that is not finished. */
export interface OutputRun {
  /** Replace existing files; else they are refused. */
  readonly force: boolean;
  /** Keep a journal of what is done. */
  readonly journal?: {
    /** What the output depends on: plain data. */
    readonly about: unknown;
    /** Go on from what an earlier run has left, and leave what this one does not finish. */
    readonly resume: boolean;
    /** Compares `about` with an earlier run's. @throws QuantizeError where they differ, naming in what */
    readonly check: (earlier: unknown) => void;
  };
}

/** The temporary files of an output and its journal, made or taken over. */
interface Making {
  readonly temporaryPaths: string[];
  readonly journalPath?: string;
}

/**
 * Makes the temporary files of outputs that belong together, all in one folder.
 * @throws QuantizeError as `takePath`, `io`, and what the journal's `check` throws
 */
export function openOutputFiles(files: readonly Omit<OutputOptions, "force">[], run: OutputRun): OutputFiles {
  const { force, journal } = run;
  const targets = files.map(({ path, byteLength = 0 }) => ({ path: resolve(path), byteLength }));
  const taken: string[] = [];
  const notes: string[] = [];
  let making: Making = { temporaryPaths: [] };
  let earlier: Resumable | undefined;
  let flush: BackgroundFlush | undefined;
  let hasNames = false;
  const discard = (isKept = true): void => {
    const end = isKept && journal?.resume && !hasNames ? letGo : removeTemporary;
    void flush?.stop();
    for (const path of making.temporaryPaths) end(path);
    if (making.journalPath !== undefined) end(making.journalPath);
    if (!hasNames) for (const path of taken) giveUpOutput(path);
  };
  try {
    if (files.length > 1 && finishNaming(targets[0]!.path)) {
      notes.push(`${files[0]!.path}: a run that was killed had finished these files, and now they have their names`);
    }
    earlier = journal?.resume ? takeOver(targets, journal.check) : undefined;
    if (earlier !== undefined) making = { ...earlier, temporaryPaths: [...earlier.temporaryPaths] };
    for (const file of files) {
      takePath({ ...file, force });
      taken.push(file.path);
    }
    for (const { path } of targets) notes.push(...removeLeftovers(path));
    if (earlier === undefined) making = makeFiles(targets, run);
    flush = startFlushing(files.map(({ path }, i) => ({ path, temporaryPath: making.temporaryPaths[i]! })));
  } catch (error) {
    discard();
    throw error;
  }
  const { temporaryPaths, journalPath } = making;
  return {
    temporaryPaths,
    notes,
    ...(earlier && { earlier }),
    discard,
    wrote: flush.wrote,
    note(values) {
      if (journalPath === undefined) return;
      try {
        addToJournal(journalPath, values);
      } catch (cause) {
        throw ioError(files[0]!.path, "cannot be written", cause);
      }
    },
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
        if (existsSync(recordPathOf(targets[0]!.path))) for (const path of temporaryPaths.splice(0)) letGo(path);
        throw error;
      }
      hasNames = true;
      for (const { path } of files) noteWritten(path);
    },
  };
}

/** Makes temporary files, and the journal that says what they are. @throws QuantizeError `io`; then nothing is left */
function makeFiles(targets: readonly { path: string; byteLength: number }[], { journal }: OutputRun): Making {
  const stays = journal?.resume ?? false;
  const made: string[] = [];
  const make = (path: string, options: Parameters<typeof createTemporary>[1]): string => {
    const temporary = createTemporary(path, { ...options, stays });
    made.push(temporary);
    return temporary;
  };
  try {
    const temporaryPaths = targets.map(({ path, byteLength }) => make(path, { byteLength }));
    if (journal === undefined) return { temporaryPaths };
    const journalPath = make(targets[0]!.path, { kind: "journal" });
    const head: JournalHead = { files: temporaryPaths.map(markedFile), about: journal.about };
    addToJournal(journalPath, [head]);
    return { temporaryPaths, journalPath };
  } catch (error) {
    for (const path of made) removeTemporary(path);
    throw isSystemError(error) ? ioError(targets[0]!.path, "cannot be written", error) : error;
  }
}

async function syncFile(path: string): Promise<void> {
  const fd = openSync(path, "r+");
  try {
    await promisify(fsync)(fd);
  } finally {
    closeSync(fd);
  }
}
