/**
 * The record of files that are on their way to their names. Several files cannot be renamed at once: so it is written
 * when all new ones are complete, and from then on they count, under whichever of their two names each is found. It goes
 * when all have their names; whoever finds one finishes the work before writing there.
 */
import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { QuantizeError } from "../errors.ts";
import { stemOf } from "./hidden-stem.ts";
import { readWholeFile } from "./input-file.ts";
import { isJsonObject, parseJsonObject } from "./json-text.ts";

/** Names of 65,535 files, thrice. */
const MAX_RECORD_BYTES = 2 ** 26;

/** Names of one file, all in the record's folder. */
export interface Replaced {
  readonly name: string;
  /** As long as it does not have its own name. */
  readonly temporary: string;
  /** Where the old file is put, if there is one. */
  readonly old: string;
}

export interface ReplacementRecord {
  /** In order. */
  readonly files: readonly Replaced[];
  /** Whether old files may be replaced. */
  readonly force: boolean;
}

/** Where the record of files lies, the first of which has this path. */
export function recordPathOf(firstPath: string): string {
  return join(dirname(firstPath), `${stemOf(firstPath)}.commit`);
}

/**
 * Reads the record of files, the first of which has that path.
 * @returns undefined when there is none: the usual case
 * @throws QuantizeError `bad-format`, `io`
 */
export function readRecord(firstPath: string): ReplacementRecord | undefined {
  const path = recordPathOf(firstPath);
  if (!existsSync(path)) return undefined;
  const { files, force } = parseJsonObject(readWholeFile(path, MAX_RECORD_BYTES), path);
  if (!Array.isArray(files) || !files.every(isReplaced) || typeof force !== "boolean") {
    throw new QuantizeError("bad-format", `${path}: expected names of files that are being replaced`);
  }
  return { files: files.map(({ name, temporary, old }) => ({ name, temporary, old })), force };
}

function isReplaced(value: unknown): value is Replaced {
  if (!isJsonObject(value)) return false;
  const { name, temporary, old } = value;
  return [name, temporary, old].every((each) => typeof each === "string" && each !== "" && basename(each) === each);
}

/** Where the files of a set are to be found now. @param paths the names that they have in the end, the first one first */
export function currentPaths(paths: readonly string[]): string[] {
  const folder = dirname(paths[0]!);
  const temporaries = new Map(
    readRecord(paths[0]!)?.files.map(({ name, temporary }) => [name, join(folder, temporary)]),
  );
  return paths.map((path) => {
    const temporary = temporaries.get(basename(path));
    return temporary !== undefined && existsSync(temporary) ? temporary : path;
  });
}
