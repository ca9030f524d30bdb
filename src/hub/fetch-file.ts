/**
 * One file of a repository, whole: fetched into the cache from where the last attempt ended, held against the size and
 * the hash that the hub listed, and only then given its name.
 */
import { createHash, type Hash } from "node:crypto";
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { QuantizeError } from "../errors.ts";
import { blobPath, inCache, isCached, type RepoCache } from "./hub-cache.ts";
import { formatHubAddress, type HubAddress } from "./hub-address.ts";
import { HubFailure, networkFailure, requestHub, type Hub } from "./hub-request.ts";
import type { RepoFile } from "./list-repo.ts";

/** Seconds before each further attempt that brought nothing; bytes that arrive start the count again. */
const PAUSES: readonly number[] = [0, 1, 2, 4, 8];

const BUFFER_BYTES = 1 << 20;

/** Where files come from: a repository at a commit. */
export interface RepoSource {
  readonly hub: Hub;
  readonly address: HubAddress;
  readonly commit: string;
}

/** The file in error messages. */
export function fileSubject({ address: { repo }, commit }: RepoSource, { path }: RepoFile): string {
  return formatHubAddress({ repo, revision: commit.slice(0, 12), place: path });
}

/**
 * Fetches a file into the cache, unless it is there.
 * @param onBytes told how many bytes are here as they come, in all
 * @throws HubFailure; QuantizeError `bad-format` for another size or hash than the listed one, `io`
 */
export async function fetchFile(
  source: RepoSource,
  cache: RepoCache,
  file: RepoFile,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  if (isCached(cache, file)) return onBytes(file.byteLength);
  const blob = blobPath(cache, file);
  const partial = `${blob}.incomplete`;
  const fd = inCache(partial, () => {
    mkdirSync(dirname(blob), { recursive: true });
    return openSync(partial, openFlags(partial));
  });
  try {
    const hash = await receive(source, file, fd, partial, onBytes);
    checkHash(source, file, hash, partial);
  } finally {
    closeSync(fd);
  }
  inCache(blob, () => {
    try {
      renameSync(partial, blob);
    } catch (error) {
      // Another process fetched the same file: both wrote the same bytes to the same places.
      if (!isCached(cache, file)) throw error;
    }
  });
}

/** Bytes of a file that are here, whole or as far as an earlier attempt came. */
export function bytesHere(cache: RepoCache, file: RepoFile): number {
  if (isCached(cache, file)) return file.byteLength;
  const size = statSync(`${blobPath(cache, file)}.incomplete`, { throwIfNoEntry: false })?.size ?? 0;
  return Math.min(size, file.byteLength);
}

/** Read and write, keeping what is there. */
function openFlags(path: string): string {
  closeSync(openSync(path, "a"));
  return "r+";
}

/** What the hub hashed. */
function beginHash({ hash: { kind }, byteLength }: RepoFile): Hash {
  return kind === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${byteLength}\0`);
}

function checkHash(source: RepoSource, file: RepoFile, hash: Hash, partial: string): void {
  const found = hash.digest("hex");
  const { kind, hex } = file.hash;
  if (found === hex) return;
  rmSync(partial, { force: true });
  const name = kind === "sha256" ? "SHA-256" : "git's SHA-1";
  const message = `${fileSubject(source, file)}: ${name}: expected ${hex}, found ${found}; what was fetched is removed`;
  throw new QuantizeError("bad-format", message);
}

/** Gets what is missing of a file, with new attempts where the connection breaks. */
async function receive(
  source: RepoSource,
  file: RepoFile,
  fd: number,
  partial: string,
  onBytes: (bytes: number) => void,
): Promise<Hash> {
  let done = inCache(partial, () => fstatSync(fd).size);
  if (done > file.byteLength) done = truncate(fd, partial);
  let hash = hashPrefix(beginHash(file), fd, done, partial);
  onBytes(done);
  for (let failures = 0; done < file.byteLength;) {
    const before = done;
    try {
      const body = await openRange(source, file, done, file.byteLength);
      if (body.start === 0 && done > 0) [done, hash] = [truncate(fd, partial), beginHash(file)];
      for await (const piece of body.bytes) {
        if (done + piece.length > file.byteLength) throw wrongSize(source, file, "more");
        inCache(partial, () => writeAll(fd, piece, done));
        hash.update(piece);
        done += piece.length;
        onBytes(done);
      }
      if (done < file.byteLength) throw connectionBroke(source, file);
    } catch (cause) {
      const failure = networkFailure(source.hub, fileSubject(source, file), cause);
      if (done > before) failures = 0;
      if (!(failure instanceof HubFailure) || !failure.mayPass || failures >= PAUSES.length) throw failure;
      await wait(1000 * PAUSES[failures++]!, undefined, abortable(source.hub));
    }
  }
  return hash;
}

const abortable = ({ signal }: Hub): { signal?: AbortSignal } => (signal === undefined ? {} : { signal });

function truncate(fd: number, path: string): number {
  inCache(path, () => ftruncateSync(fd, 0));
  return 0;
}

function hashPrefix(hash: Hash, fd: number, length: number, path: string): Hash {
  const buffer = Buffer.alloc(Math.min(length, BUFFER_BYTES));
  for (let done = 0; done < length;) {
    const count = inCache(path, () => readSync(fd, buffer, 0, Math.min(buffer.length, length - done), done));
    hash.update(buffer.subarray(0, count));
    done += count;
  }
  return hash;
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done, bytes.length - done, position + done);
}

/** For answers that end early without a word. */
export function connectionBroke(source: RepoSource, file: RepoFile): HubFailure {
  return new HubFailure(`${fileSubject(source, file)}: the connection broke`, true);
}

function wrongSize(source: RepoSource, file: RepoFile, found: string): QuantizeError {
  const expected = `expected ${file.byteLength} bytes (as listed)`;
  return new QuantizeError("bad-format", `${fileSubject(source, file)}: ${expected}, found ${found}`);
}

/**
 * Asks for bytes `[start, end)` of a file.
 * @returns them as they come, and where they really start: at 0 where the server knows no ranges
 */
export async function openRange(
  source: RepoSource,
  file: RepoFile,
  start: number,
  end: number,
): Promise<{ start: number; bytes: AsyncIterable<Uint8Array> }> {
  const { hub, address, commit } = source;
  const path = file.path.split("/").map(encodeURIComponent).join("/");
  const url = `${hub.endpoint}/${address.repo}/resolve/${commit}/${path}`;
  const headers = { range: `bytes=${start}-${end - 1}`, "accept-encoding": "identity" };
  const response = await requestHub(hub, fileSubject(source, file), url, { headers });
  if (response.body === null) throw wrongSize(source, file, "none");
  if (response.status === 200) return { start: 0, bytes: response.body };
  const [, from, total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get("content-range") ?? "") ?? [];
  if (Number(from) === start && Number(total) === file.byteLength) return { start, bytes: response.body };
  await response.body.cancel();
  throw wrongSize(source, file, total === undefined ? "an answer without a range" : `${total} (from byte ${from})`);
}
