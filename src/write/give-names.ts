/**
 * The last step of an output: its files get their names. One file gets it in a single step of the system. With several
 * there is a moment between any two of them, at which the process may be killed: see read/replacement-record.ts.
 */
import { closeSync, existsSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../errors.ts";
import { ioError, isSystemError } from "../read/input-file.ts";
import { readRecord, recordPathOf, type Replaced, type ReplacementRecord } from "../read/replacement-record.ts";
import { createTemporary, removeTemporary } from "./temporary-files.ts";
import { makerOf, temporaryName } from "./temporary-name.ts";
import { writeAll } from "./write-all.ts";

/** A complete file that wants its name. */
export interface NamedFile {
  readonly path: string;
  readonly temporaryPath: string;
}

/**
 * Gives files their names, all or none. While they are moved there is no first one, so that no other program takes a
 * mixture for a set.
 * @param files of one folder
 * @param force whether files of these names may be replaced
 * @throws QuantizeError `output-exists` when a file came into being in the meantime, `io`; all is as before then, or, where
 * nothing can be put back either, the record stays, and the temporary files must too
 */
export function giveNames(files: readonly NamedFile[], force: boolean): void {
  const [first] = files;
  const folder = dirname(resolve(first!.path));
  if (files.length === 1) {
    moveIntoPlace(first!, force);
    syncFolder(folder);
    return;
  }
  const record = writeRecord(files, force);
  const undo: (() => void)[] = [];
  try {
    for (const [i, { old }] of record.files.entries()) {
      const { path } = files[i]!;
      if (!force || !existsSync(path)) continue;
      renameSync(path, join(folder, old));
      undo.push(() => renameSync(join(folder, old), path));
    }
    for (const file of files.toReversed()) {
      moveIntoPlace(file, force);
      undo.push(() => renameSync(file.path, file.temporaryPath));
    }
  } catch (error) {
    try {
      for (const step of undo.toReversed()) step();
    } catch {
      const state = "its files are complete and cannot be given their names, nor the old ones theirs";
      throw ioError(first!.path, `${state}; the next run of the same output goes on with it`, error);
    }
    rmSync(recordPathOf(first!.path), { force: true });
    throw isSystemError(error) ? ioError(first!.path, "cannot be written", error) : error;
  }
  syncFolder(folder);
  forget(first!.path, record);
}

/**
 * Finishes what a run began that was killed while its files got their names.
 * @param firstPath of the files that are about to be written
 * @returns whether there was something to finish
 * @throws QuantizeError `output-exists` when that run still goes on, or may not replace what stands there; `io`
 */
export function finishNaming(firstPath: string): boolean {
  const record = readRecord(firstPath);
  if (record === undefined) return false;
  const folder = dirname(resolve(firstPath));
  const at = (name: string): string => join(folder, name);
  const waiting = record.files.filter(({ temporary }) => existsSync(at(temporary)));
  const maker = makerOf(record.files[0]!.temporary, firstPath);
  if (maker?.state === "alive" && maker.pid !== process.pid) {
    throw new QuantizeError("output-exists", `${firstPath}: process ${maker.pid} is just writing it`);
  }
  for (const { name, temporary, old } of waiting) {
    if (!existsSync(at(name)) || isSameFile(at(name), at(temporary))) continue;
    if (!record.force) {
      const finish = `it stands in the way of ${temporary}, which an earlier run has finished`;
      throw new QuantizeError("output-exists", `${at(name)}: ${finish}: move one of them away`);
    }
    if (!existsSync(at(old))) renameSync(at(name), at(old));
  }
  for (const { name, temporary } of waiting.toReversed()) {
    renameSync(at(temporary), at(name));
    // Two links to one file: then a rename does nothing.
    rmSync(at(temporary), { force: true });
  }
  syncFolder(folder);
  forget(firstPath, record);
  return true;
}

function isSameFile(a: string, b: string): boolean {
  const [x, y] = [a, b].map((path) => statSync(path, { bigint: true }));
  return x!.dev === y!.dev && x!.ino === y!.ino;
}

function writeRecord(files: readonly NamedFile[], force: boolean): ReplacementRecord {
  const target = resolve(files[0]!.path);
  const record: ReplacementRecord = {
    files: files.map(({ path, temporaryPath }): Replaced => {
      return { name: basename(path), temporary: basename(temporaryPath), old: temporaryName(path, "old") };
    }),
    force,
  };
  const draft = createTemporary(target);
  try {
    const fd = openSync(draft, "r+");
    try {
      writeAll(fd, Buffer.from(JSON.stringify(record)), 0);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    // The names of the files are on the disk before the record that speaks of them. It fails where another run is.
    syncFolder(dirname(target));
    moveIntoPlace({ path: recordPathOf(target), temporaryPath: draft }, false);
    syncFolder(dirname(target));
    return record;
  } catch (error) {
    throw isSystemError(error) ? ioError(files[0]!.path, "cannot be written", error) : error;
  } finally {
    removeTemporary(draft);
  }
}

/** Takes the record away, and the old files that nobody needs any more. */
function forget(firstPath: string, { files }: ReplacementRecord): void {
  const target = resolve(firstPath);
  rmSync(recordPathOf(target), { force: true });
  for (const { old } of files) rmSync(join(dirname(target), old), { force: true });
}

/** Flushes a folder: names of files are its content. */
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

function moveIntoPlace({ temporaryPath, path }: NamedFile, force: boolean): void {
  if (!force) {
    try {
      // A rename would silently replace a file that came up in the meantime; a hard link fails.
      linkSync(temporaryPath, path);
      rmSync(temporaryPath, { force: true });
      return;
    } catch (error) {
      if (isSystemError(error) && error.code === "EEXIST") {
        throw new QuantizeError("output-exists", `${path}: came into being in the meantime; use --force to replace it`);
      }
      // No hard links here.
    }
  }
  try {
    renameSync(temporaryPath, path);
  } catch (cause) {
    throw ioError(path, "cannot be written", cause);
  }
}
