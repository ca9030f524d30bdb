/** What earlier runs of the same output have left, and whether a run can go on from it. */
import { existsSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { QuantizeError } from "../errors.ts";
import { readJournal } from "./journal.ts";
import { isOurs, own, removeTemporary } from "./temporary-files.ts";
import { makerOf, markOf, temporaryName, type Maker, type TemporaryKind } from "./temporary-name.ts";

interface Leftover extends Maker {
  readonly path: string;
}

/** Temporary files beside a target that this process did not make. */
function foreignFiles(target: string): Leftover[] {
  const folder = dirname(target);
  return readdirSync(folder).flatMap((name) => {
    const [path, maker] = [join(folder, name), makerOf(name, target)];
    if (maker === undefined || isOurs(path)) return [];
    // A number that is ours again, as in a container that was started anew.
    const isDead = maker.state === "alive" && maker.pid === process.pid;
    return [{ ...maker, path, ...(isDead && { state: "dead" as const }) }];
  });
}

/**
 * Removes what dead processes of this machine have left of an output.
 * @returns a sentence for each
 */
export function removeLeftovers(target: string): string[] {
  return foreignFiles(target)
    .filter(({ state }) => state === "dead")
    .flatMap(({ path, pid, kind }) => {
      removeTemporary(path);
      const name = basename(path);
      return kind === "journal" ? [] : [`removed ${name}, which process ${pid} had left when it was killed`];
    });
}

/** An output that a run can go on from. */
export interface Resumable {
  /** The files of the output, in order. */
  readonly temporaryPaths: readonly string[];
  readonly journalPath: string;
  /** What the journal says it is about, and was done. */
  readonly about: unknown;
  readonly done: readonly unknown[];
}

/** A file that is wanted. */
export interface WantedFile {
  readonly path: string;
  readonly byteLength: number;
}

/** A temporary file as a journal knows it. */
export interface MarkedFile {
  /** The random part of its name. */
  readonly mark: string;
  /** By which it is known again when it has its own name. */
  readonly ino: string;
}

/** The first line of a journal: which files it belongs to, and what it is about. */
export interface JournalHead {
  readonly files: readonly MarkedFile[];
  readonly about: unknown;
}

/** What a journal says of a temporary file. */
export function markedFile(path: string): MarkedFile {
  return { mark: markOf(path), ino: inodeOf(path)! };
}

/**
 * Looks for an output that a run has left, and makes it this run's own. Files that have their names already are taken
 * back: the run was cut off after that.
 * @param files of the output
 * @param check throws where what was left belongs to another plan, source or tool
 * @returns undefined where nothing was left
 * @throws QuantizeError `output-exists` where a process still works on it, and what `check` throws
 */
export function takeOver(files: readonly WantedFile[], check: (about: unknown) => void): Resumable | undefined {
  const first = files[0]!.path;
  const journals = foreignFiles(first).filter(({ kind }) => kind === "journal");
  const newest = journals.toSorted((a, b) => statSync(b.path).mtimeMs - statSync(a.path).mtimeMs);
  for (const { path, state, pid } of newest) {
    if (state === "alive") throw new QuantizeError("output-exists", `${first}: process ${pid} is just writing it`);
    const [head, ...done] = readJournal(path);
    if (!isHead(head)) continue;
    check(head.about);
    const found = files.map((file, i) => findFile(file, head.files[i]));
    if (found.includes(undefined)) continue;
    // Whoever renames it first has it.
    const journalPath = renamed(path, first, markOf(path), "journal");
    if (journalPath === undefined) continue;
    const temporaryPaths = found.map((from, i) => {
      const [{ path: target }, { mark, ino }] = [files[i]!, head.files[i]!];
      // Two names of one file, where the run was cut off between giving the one and taking the other.
      if (from !== target && inodeOf(target) === ino) rmSync(target);
      return renamed(from!, target, mark, "partial")!;
    });
    return { journalPath, temporaryPaths, about: head.about, done };
  }
  return undefined;
}

function isHead(value: unknown): value is JournalHead {
  const { files, about } = (value ?? {}) as Partial<JournalHead>;
  return about !== undefined && Array.isArray(files);
}

function inodeOf(path: string): string | undefined {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat && String(stat.ino);
}

/** Where a file of an output is: under its temporary name, or under its own. */
function findFile({ path, byteLength }: WantedFile, marked: MarkedFile | undefined): string | undefined {
  const partial = foreignFiles(path).find(
    (file) => file.kind === "partial" && markOf(file.path) === marked?.mark,
  )?.path;
  const place = partial ?? (inodeOf(path) === marked?.ino ? path : undefined);
  return place !== undefined && statSync(place, { throwIfNoEntry: false })?.size === byteLength ? place : undefined;
}

/** Gives a file a temporary name that says it is ours, and lets it stay. @returns undefined when it is gone */
function renamed(path: string, target: string, mark: string, kind: TemporaryKind): string | undefined {
  const to = join(dirname(target), temporaryName(target, kind, mark));
  try {
    renameSync(path, to);
    own(to, true);
    return to;
  } catch (error) {
    if (!existsSync(path)) return undefined;
    throw error;
  }
}
