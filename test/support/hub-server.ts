/**
 * A hub on this machine, with the parts of the Hugging Face hub's API that a client of models needs (revision, tree,
 * resolve, error headers), and a second host beside it that large files are kept on, as there.
 */
import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

export const COMMIT = "0123456789abcdef0123456789abcdef01234567";

/** A request that one of the two hosts saw. */
export interface SeenRequest {
  readonly host: "hub" | "store";
  readonly path: string;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
  /** Bytes of files that were sent. */
  bytes: number;
}

export interface HubRepo {
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Revisions beside `main`. */
  readonly revisions?: Readonly<Record<string, { commit: string; files: Readonly<Record<string, Uint8Array>> }>>;
  readonly isGated?: boolean;
  /** Only those see it who bring this. */
  readonly token?: string;
  /** Entries of the tree that no file belongs to, as a server may invent them. */
  readonly extraEntries?: readonly object[];
}

export interface HubBehaviour {
  /** The connection breaks after so many bytes of a file, this many times. */
  breakAfter?: number;
  breaks?: number;
  /** What is sent instead of a file. */
  readonly sent?: Readonly<Record<string, Uint8Array>>;
  readonly pageSize?: number;
  /** Status of answers to resolve requests, until used up. */
  readonly statuses?: number[];
  /** Ranges are not understood. */
  readonly knowsNoRanges?: boolean;
  /** Where the tree's next page is said to be. */
  readonly nextPage?: string;
}

export interface TestHub {
  readonly endpoint: string;
  readonly seen: readonly SeenRequest[];
  /** Bytes of files sent, of those whose path ends so. */
  readonly bytesOf: (suffix?: string) => number;
  readonly close: () => Promise<void>;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const gitSha1 = (bytes: Uint8Array): string =>
  createHash("sha1").update(`blob ${bytes.length}\0`).update(bytes).digest("hex");

/** Files that git-lfs takes care of. */
const isLarge = (path: string): boolean => /\.(safetensors|gguf|bin|pth|onnx)$/.test(path);

function entryOf(path: string, bytes: Uint8Array): object {
  const entry = { type: "file", path, size: bytes.length, oid: gitSha1(bytes) };
  return isLarge(path) ? { ...entry, lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } } : entry;
}

async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Starts a hub; it ends with the test. */
export async function startHub(
  repos: Readonly<Record<string, HubRepo>>,
  behaviour: HubBehaviour = {},
): Promise<TestHub> {
  const seen: SeenRequest[] = [];
  const note = (host: SeenRequest["host"], { url, headers }: IncomingMessage): SeenRequest => {
    const { authorization, range } = headers;
    const request = { host, path: decodeURIComponent(url!), authorization, range, bytes: 0 };
    seen.push(request);
    return request;
  };

  const sendFile = (request: SeenRequest, response: ServerResponse, path: string, content: Uint8Array): void => {
    const bytes = behaviour.sent?.[path] ?? content;
    const [, from, to] = (!behaviour.knowsNoRanges && /^bytes=(\d+)-(\d*)$/.exec(request.range ?? "")) || [];
    const start = Number(from ?? 0);
    const end = to ? Math.min(bytes.length, Number(to) + 1) : bytes.length;
    if (from === undefined) response.writeHead(200, { "content-length": bytes.length });
    else {
      const range = `bytes ${start}-${end - 1}/${bytes.length}`;
      response.writeHead(206, { "content-length": end - start, "content-range": range });
    }
    const { breakAfter, breaks = 0 } = behaviour;
    if (breakAfter !== undefined && breaks > 0 && end - start > breakAfter) {
      behaviour.breaks = breaks - 1;
      request.bytes = breakAfter;
      response.write(bytes.subarray(start, start + breakAfter), () => setTimeout(() => response.destroy(), 20));
      return;
    }
    request.bytes = end - start;
    response.end(bytes.subarray(start, end));
  };

  const filesAt = (repo: HubRepo, revision: string): { commit: string; files: HubRepo["files"] } | undefined => {
    if (revision === "main" || revision === COMMIT) return { commit: COMMIT, files: repo.files };
    const byName = repo.revisions?.[revision];
    return byName ?? Object.values(repo.revisions ?? {}).find(({ commit }) => commit === revision);
  };

  const store = createServer((message, response) => {
    const request = note("store", message);
    const [, repoName, commit, path] = /^\/([^/]+\/[^/]+)\/([^/]+)\/(.+)$/.exec(request.path)!;
    sendFile(request, response, path!, filesAt(repos[repoName!]!, commit!)!.files[path!]!);
  });
  const storeAddress = await listen(store);

  const hub = createServer((message, response) => {
    const request = note("hub", message);
    const refuse = (status: number, code: string, said: string): void => {
      response.writeHead(status, { "x-error-code": code, "x-error-message": said, "content-type": "application/json" });
      response.end(JSON.stringify({ error: said }));
    };
    const { pathname, searchParams } = new URL(request.path, "http://hub");
    const api = /^\/api\/models\/([^/]+\/[^/]+)\/(revision|tree)\/([^/]+)$/.exec(pathname);
    const resolve = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(pathname);
    const [name, revision] = api === null ? [resolve?.[1], resolve?.[2]] : [api[1], api[3]];
    const repo = repos[name ?? ""];
    const isAllowed = repo?.token === undefined || request.authorization === `Bearer ${repo.token}`;
    if (repo === undefined || !isAllowed) {
      const isKnown = request.authorization !== undefined;
      if (isKnown) return refuse(404, "RepoNotFound", "Repository not found");
      return refuse(401, "RepoNotFound", "Invalid username or password.");
    }
    const version = filesAt(repo, revision!);
    if (version === undefined) return refuse(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    if (api?.[2] === "revision") {
      response.writeHead(200, { "content-type": "application/json" });
      response.end(
        JSON.stringify({ _id: "1", id: name, sha: version.commit, private: false, lastModified: "2026-01-01" }),
      );
      return;
    }
    if (api !== null) {
      const folders = new Set(Object.keys(version.files).flatMap((path) => path.split("/").slice(0, -1)));
      const entries = [
        ...[...folders].map((path) => ({ type: "directory", path, size: 0, oid: "0".repeat(40) })),
        ...Object.entries(version.files).map(([path, bytes]) => entryOf(path, bytes)),
        ...(repo.extraEntries ?? []),
      ];
      const { pageSize = 1000 } = behaviour;
      const start = Number(searchParams.get("cursor") ?? 0);
      const next =
        behaviour.nextPage ?? `http://${message.headers.host}${pathname}?recursive=true&cursor=${start + pageSize}`;
      const hasMore = start + pageSize < entries.length || behaviour.nextPage !== undefined;
      response.writeHead(200, {
        "content-type": "application/json",
        ...(hasMore && { link: `<${next}>; rel="next"` }),
      });
      response.end(JSON.stringify(entries.slice(start, start + pageSize)));
      return;
    }
    const path = resolve![3]!;
    if (repo.isGated) return refuse(403, "GatedRepo", `Access to model ${name} is restricted.`);
    const status = behaviour.statuses?.shift();
    if (status !== undefined) return refuse(status, "", "later");
    const bytes = version.files[path];
    if (bytes === undefined) return refuse(404, "EntryNotFound", "Entry not found");
    if (!isLarge(path)) return sendFile(request, response, path, bytes);
    response.writeHead(302, {
      location: `${storeAddress}/${name}/${version.commit}/${path.split("/").map(encodeURIComponent).join("/")}`,
      "x-linked-size": bytes.length,
      "x-linked-etag": `"${sha256(bytes)}"`,
      "x-repo-commit": version.commit,
    });
    response.end();
  });
  const endpoint = await listen(hub);
  const close = async (): Promise<void> => {
    for (const server of [hub, store]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  };
  onTestFinished(close);
  const bytesOf = (suffix = "") => seen.reduce((sum, { path, bytes }) => sum + (path.endsWith(suffix) ? bytes : 0), 0);
  return { endpoint, seen, bytesOf, close };
}
