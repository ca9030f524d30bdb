/**
 * A model of a hub that is looked at without being fetched: its weights are stand-ins (files of the same length with
 * holes) into which ranges are fetched as readers ask for them. A header is some hundred kilobytes of a file of
 * gigabytes, so a plan of any model costs seconds and no disk.
 */
import { closeSync, ftruncateSync, mkdirSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { QuantizeError } from "../errors.ts";
import { isSystemError, ioError } from "../read/input-file.ts";
import type { Model } from "../read/model.ts";
import { addPresentRange, forgetPartialFile, MissingBytes } from "../read/partial-files.ts";
import { cachedModel, fetchFiles, isOffline, listModel, type FetchOptions, type ListedModel } from "./fetch-model.ts";
import { connectionBroke, fileSubject, openRange } from "./fetch-file.ts";
import { formatHubAddress, type HubAddress } from "./hub-address.ts";
import { isCached, linkBlob } from "./hub-cache.ts";
import { networkFailure } from "./hub-request.ts";
import type { RepoFile } from "./list-repo.ts";

/** Fetched of each file before anybody asks: what a reader of headers asks for first. */
const FIRST_BYTES = 1 << 18;
/** Fetched at once at most, for one that goes on asking. */
const MAX_STEP = 1 << 24;
/** Files asked for at the same time. */
const CONNECTIONS = 8;

export interface RemoteHeaders {
  /** For `openModel`. */
  readonly path: string;
  /** Runs something on the path, again from the start whenever bytes were missing; it must not have done anything. */
  readonly use: <T>(work: () => Promise<T>) => Promise<T>;
  /** The model with the names that people know it by instead of those of the stand-ins. */
  readonly named: (model: Model) => Model;
  /** Removes the stand-ins. */
  readonly close: () => void;
}

interface StandIn {
  readonly file: RepoFile;
  /** Bytes fetched by the last request. */
  step: number;
}

/**
 * Lists a model, fetches what describes it into the cache and the beginning of its weights beside it.
 * @throws QuantizeError as `fetchModel`
 */
export async function openRemoteHeaders(address: HubAddress, options: FetchOptions = {}): Promise<RemoteHeaders> {
  if (isOffline()) {
    return { path: await cachedModel(address), use: (work) => work(), named: (model) => model, close: () => {} };
  }
  const model = await listModel(address, options);
  const { source, cache, choice } = model;
  await fetchFiles(model, choice.descriptions, options);
  const temporary = mkdtempSync(join(tmpdir(), "quantize-"));
  // The shape of the cache: names of models are told from it.
  const root = join(temporary, basename(cache.folder), "snapshots", source.commit);
  const standIns = new Map<string, StandIn>();
  const close = (): void => {
    for (const path of standIns.keys()) forgetPartialFile(path);
    process.off("exit", close);
    rmSync(temporary, { recursive: true, force: true });
  };
  process.on("exit", close);
  try {
    mkdirSync(root, { recursive: true });
    for (const file of choice.descriptions) linkBlob(cache, file, root);
    for (const file of choice.weights) {
      if (isCached(cache, file)) linkBlob(cache, file, root);
      else standIns.set(makeStandIn(root, file), { file, step: 0 });
    }
    await fetchBeginnings(model, standIns);
  } catch (error) {
    close();
    throw error;
  }
  const nameOf = (path: string): string =>
    path.startsWith(`${root}/`) || path === root
      ? formatHubAddress({
          ...address,
          ...(path !== root && { place: path.slice(root.length + 1).replaceAll("\\", "/") }),
        })
      : path;
  return {
    path: join(root, choice.path),
    use: (work) => runWithBytes(model, standIns, work, (text) => renamed(text, root, address)),
    named: ({ path: _, files, ...rest }) => ({
      ...rest,
      path: formatHubAddress(address),
      files: files.map((file) => ({ ...file, path: nameOf(file.path) })),
    }),
    close,
  };
}

function makeStandIn(root: string, { path, byteLength }: RepoFile): string {
  const place = resolve(join(root, path));
  try {
    mkdirSync(dirname(place), { recursive: true });
    const fd = openSync(place, "w");
    ftruncateSync(fd, byteLength);
    closeSync(fd);
  } catch (cause) {
    throw isSystemError(cause) ? ioError(place, "cannot be written", cause) : cause;
  }
  addPresentRange(place, 0, 0);
  return place;
}

async function fetchBeginnings(model: ListedModel, standIns: ReadonlyMap<string, StandIn>): Promise<void> {
  const waiting = [...standIns];
  const work = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [path, standIn] = next;
      await fetchRange(model, path, standIn, 0, FIRST_BYTES);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, work));
}

/** Runs, and where bytes are missing fetches them and runs again. */
async function runWithBytes<T>(
  model: ListedModel,
  standIns: ReadonlyMap<string, StandIn>,
  work: () => Promise<T>,
  rename: (text: string) => string,
): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const standIn = error instanceof MissingBytes ? standIns.get(error.path) : undefined;
      if (!(error instanceof MissingBytes) || standIn === undefined) {
        if (!(error instanceof QuantizeError)) throw error;
        throw new QuantizeError(error.code, rename(error.message), { cause: error.cause });
      }
      // One that reads on gets twice as much each time: a header of megabytes takes a few requests.
      const step = Math.max(error.byteLength, Math.min(2 * standIn.step, MAX_STEP));
      await fetchRange(model, error.path, standIn, error.byteOffset, step);
    }
  }
}

async function fetchRange(
  { source }: ListedModel,
  path: string,
  standIn: StandIn,
  start: number,
  length: number,
): Promise<void> {
  const { file } = standIn;
  const end = Math.min(file.byteLength, start + length);
  if (start >= end) return;
  const fd = openSync(path, "r+");
  let position = start;
  try {
    const body = await openRange(source, file, start, end);
    if (body.start !== start) {
      throw new QuantizeError("unsupported", `${fileSubject(source, file)}: the server sends no parts of files`);
    }
    for await (const piece of body.bytes) {
      const kept = piece.subarray(0, end - position);
      for (let done = 0; done < kept.length;) {
        done += writeSync(fd, kept, done, kept.length - done, position + done);
      }
      position += kept.length;
      // A server that knows no ranges sends all of the file.
      if (position >= end) break;
    }
  } catch (cause) {
    throw networkFailure(source.hub, fileSubject(source, file), cause);
  } finally {
    closeSync(fd);
    addPresentRange(path, start, position);
  }
  if (position < end) throw connectionBroke(source, file);
  standIn.step = end - start;
}

/** Messages name the stand-ins: people know the model by another name. */
function renamed(text: string, root: string, { repo, revision }: HubAddress): string {
  const name = formatHubAddress({ repo, ...(revision !== undefined && { revision }) });
  return text.replaceAll(`${root}/`, `${name}:`).replaceAll(root, name);
}
