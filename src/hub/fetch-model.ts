/** A model of a hub as a path: listed, chosen, sized, and then fetched. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../errors.ts";
import type { Progress } from "../engine/run-options.ts";
import { isJsonObject, readJsonObject } from "../read/json-text.ts";
import { requireRoom } from "../write/output-path.ts";
import { chooseFiles, type Choice } from "./choose-files.ts";
import { bytesHere, fetchFile, type RepoSource } from "./fetch-file.ts";
import { formatHubAddress, type HubAddress } from "./hub-address.ts";
import {
  blobPath,
  cachedCommit,
  cachedFiles,
  inCache,
  linkBlob,
  repoCache,
  snapshotPath,
  writeRef,
  type RepoCache,
} from "./hub-cache.ts";
import { hubFromEnvironment, HubFailure } from "./hub-request.ts";
import { listRepo, type RepoFile } from "./list-repo.ts";

export interface FetchOptions {
  readonly onProgress?: (progress: Progress) => void;
  /** Stops the transfer; what came is kept, and the next attempt goes on from there. */
  readonly signal?: AbortSignal;
}

/** A model that is known by name and size, none of its weights fetched. */
export interface ListedModel {
  readonly source: RepoSource;
  readonly cache: RepoCache;
  readonly choice: Choice<RepoFile>;
}

/**
 * Fetches a model into the cache of Hugging Face's programs, unless it is there. With `HF_HUB_OFFLINE` nothing is
 * asked, and what is there is taken.
 * @returns a path for `openModel`
 * @throws QuantizeError `usage` (a name that means nothing, several models), `io` (what the hub or the network refused),
 * `bad-format` (sizes and hashes), `no-room`, `unsupported` (no format that is read)
 */
export async function fetchModel(address: HubAddress, options: FetchOptions = {}): Promise<string> {
  if (isOffline()) return cachedModel(address);
  const model = await listModel(address, options);
  const { source, cache, choice } = model;
  await fetchFiles(model, [...choice.descriptions, ...choice.weights], options);
  writeRef(cache, address.revision ?? "main", source.commit);
  return join(snapshotPath(cache, source.commit), choice.path);
}

/** Asks what a model consists of. Fetches no more than the index of its shards. */
export async function listModel(address: HubAddress, { signal }: FetchOptions): Promise<ListedModel> {
  const hub = hubFromEnvironment(process.env, signal);
  const subject = formatHubAddress(address);
  const cache = await repoCache(address.repo);
  try {
    const { commit, files } = await listRepo(hub, address);
    const source: RepoSource = { hub, address, commit };
    const choice = await chooseFiles(files, address.place, subject, async (index) => {
      await fetchFile(source, cache, index);
      return weightFiles(blobPath(cache, index), `${subject}: ${index.path}`);
    });
    return { source, cache, choice };
  } catch (error) {
    const isCopied = cachedCommit(cache, address.revision ?? "main") !== undefined;
    if (!(error instanceof HubFailure) || !error.mayPass || !isCopied) throw error;
    const hint = "HF_HUB_OFFLINE=1 takes what lies in the cache";
    throw new HubFailure(`${error.message}; ${hint}`, true, { cause: error.cause });
  }
}

/** Files that an index names, once each. */
function weightFiles(path: string, subject: string): string[] {
  const map = readJsonObject(path)["weight_map"];
  if (!isJsonObject(map)) throw new QuantizeError("bad-format", `${subject}: key "weight_map": expected an object`);
  return [...new Set(Object.values(map).map(String))];
}

/** Fetches files one after the other, each linked into its snapshot when it is whole. */
export async function fetchFiles(
  { source, cache }: Pick<ListedModel, "source" | "cache">,
  files: readonly RepoFile[],
  { onProgress, signal }: FetchOptions,
): Promise<void> {
  const total = files.reduce((sum, { byteLength }) => sum + byteLength, 0);
  const here = files.reduce((sum, file) => sum + bytesHere(cache, file), 0);
  const snapshot = snapshotPath(cache, source.commit);
  inCache(snapshot, () => mkdirSync(snapshot, { recursive: true }));
  requireRoom(formatHubAddress(source.address), snapshot, total - here);
  let before = 0;
  for (const [index, file] of files.entries()) {
    signal?.throwIfAborted();
    await fetchFile(source, cache, file, (bytes) =>
      onProgress?.({
        phase: "fetch",
        bytesDone: before + bytes,
        bytesTotal: total,
        step: file.path,
        ...{ weightsDone: 0, weightsTotal: 0, tensorsDone: index, tensorsTotal: files.length },
      }),
    );
    before += file.byteLength;
    linkBlob(cache, file, snapshot);
  }
}

/** True when the user forbids to ask the network. */
export function isOffline(): boolean {
  return /^(1|true|yes|on)$/i.test(process.env["HF_HUB_OFFLINE"] ?? "");
}

/** The model as it lies in the cache. @throws QuantizeError `io` when it does not */
export async function cachedModel(address: HubAddress): Promise<string> {
  const subject = formatHubAddress(address);
  const cache = await repoCache(address.repo);
  const commit = cachedCommit(cache, address.revision ?? "main");
  const files = commit === undefined ? [] : cachedFiles(cache, commit);
  if (commit === undefined || files.length === 0) {
    throw new QuantizeError("io", `${subject}: not in the cache ${cache.folder}, and HF_HUB_OFFLINE forbids to ask`);
  }
  const root = snapshotPath(cache, commit);
  const { path } = await chooseFiles(files, address.place, subject, async (index) =>
    weightFiles(join(root, index.path), `${subject}: ${index.path}`),
  );
  return join(root, path);
}
