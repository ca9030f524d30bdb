/**
 * The cache that all programs of Hugging Face share:
 *
 *   models--<org>--<repo>/refs/<revision>             a commit
 *                        /blobs/<hash>                bytes of a file, named by what they hash to
 *                        /snapshots/<commit>/<path>   links to blobs
 */
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative } from "node:path";
import { ioError, isSystemError } from "../read/input-file.ts";
import type { NamedFile } from "./choose-files.ts";
import type { RepoFile } from "./list-repo.ts";

/** The part of the cache that is a repository's. */
export interface RepoCache {
  readonly folder: string;
}

/** The repository's folder under `HF_HUB_CACHE`, `HF_HOME/hub` or `~/.cache/huggingface/hub`. Nothing is made. */
export async function repoCache(repo: string): Promise<RepoCache> {
  const { getHFHubCachePath, getRepoFolderName } = await import("@huggingface/hub");
  return { folder: join(getHFHubCachePath(), getRepoFolderName({ type: "model", name: repo })) };
}

export const blobPath = ({ folder }: RepoCache, { hash }: RepoFile): string => join(folder, "blobs", hash.hex);
export const snapshotPath = ({ folder }: RepoCache, commit: string): string => join(folder, "snapshots", commit);

/** True when all bytes of the file are here. */
export function isCached(cache: RepoCache, file: RepoFile): boolean {
  return statSync(blobPath(cache, file), { throwIfNoEntry: false })?.size === file.byteLength;
}

/** The commit that a revision was when it was last asked for, or undefined. */
export function cachedCommit({ folder }: RepoCache, revision: string): string | undefined {
  if (/^[0-9a-f]{40}$/.test(revision)) return revision;
  try {
    return /^[0-9a-f]{40}$/.exec(readFileSync(join(folder, "refs", revision), "utf8").trim())?.[0];
  } catch {
    return undefined;
  }
}

/** Remembers which commit a branch or tag is. */
export function writeRef(cache: RepoCache, revision: string, commit: string): void {
  if (/^[0-9a-f]{40}$/.test(revision) || cachedCommit(cache, revision) === commit) return;
  const path = join(cache.folder, "refs", revision);
  inCache(path, () => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, commit);
  });
}

/** Files of a snapshot whose bytes are here. */
export function cachedFiles(cache: RepoCache, commit: string): NamedFile[] {
  const root = snapshotPath(cache, commit);
  if (statSync(root, { throwIfNoEntry: false }) === undefined) return [];
  return readdirSync(root, { recursive: true, encoding: "utf8" }).flatMap((name) => {
    const stat = statSync(join(root, name), { throwIfNoEntry: false });
    return stat?.isFile() ? [{ path: name.replaceAll("\\", "/"), byteLength: stat.size }] : [];
  });
}

/**
 * Puts a link to a file's blob into a folder of a snapshot's shape.
 * @param root `snapshotPath`, or a temporary folder
 */
export function linkBlob(cache: RepoCache, file: RepoFile, root: string): void {
  const [blob, path] = [blobPath(cache, file), join(root, file.path)];
  const target = relative(dirname(path), blob);
  inCache(path, () => {
    if (linkTarget(path) === target) return;
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    try {
      symlinkSync(target, path);
    } catch (error) {
      // Windows asks for a privilege; a second name of the same bytes needs none.
      if (!isSystemError(error) || error.code === "EEXIST") throw error;
      linkSync(blob, path);
    }
  });
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Runs something on the cache, with the system's refusals in our words. */
export function inCache<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw isSystemError(error) ? ioError(path, "cannot be written", error) : error;
  }
}
