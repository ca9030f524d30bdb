/** What is in a repository: its commit, and each file with size and hash, before anything is fetched. */
import { QuantizeError } from "../errors.ts";
import { quote } from "../text/quote.ts";
import { formatHubAddress, type HubAddress } from "./hub-address.ts";
import { fetchFor, type Hub } from "./hub-request.ts";
import { isSafePath } from "./safe-path.ts";

/** What the bytes of a file must hash to: those of large files by themselves, of others as a blob of git. */
export interface ContentHash {
  readonly kind: "sha256" | "git-sha1";
  readonly hex: string;
}

export interface RepoFile {
  /** In the repository; a safe relative path. */
  readonly path: string;
  readonly byteLength: number;
  readonly hash: ContentHash;
}

export interface RepoListing {
  /** 40 hex digits. */
  readonly commit: string;
  readonly files: readonly RepoFile[];
}

/** More than any model has: the largest come in some hundred files. */
const MAX_FILES = 100_000;

/**
 * Lists a repository at a revision.
 * @throws HubFailure, and QuantizeError `bad-format` for an answer that is none
 */
export async function listRepo(hub: Hub, address: HubAddress): Promise<RepoListing> {
  // Half a megabyte of a library that only those wait for who name a model of the hub.
  const { listFiles, modelInfo } = await import("@huggingface/hub");
  const subject = formatHubAddress(address);
  const options = { hubUrl: hub.endpoint, fetch: fetchFor(hub, subject) };
  const fail = (what: string) => new QuantizeError("bad-format", `${subject}: the hub's answer: ${what}`);
  try {
    const wanted = { ...options, name: address.repo, revision: address.revision ?? "main" };
    const { sha: commit } = await modelInfo({ ...wanted, additionalFields: ["sha"] });
    if (typeof commit !== "string" || !/^[0-9a-f]{40}$/.test(commit)) throw fail("expected a commit");
    const files: RepoFile[] = [];
    const seen = new Set<string>();
    const repo = { type: "model", name: address.repo } as const;
    let count = 0;
    for await (const entry of listFiles({ ...options, repo, revision: commit, recursive: true })) {
      if (++count > MAX_FILES) throw fail(`more than ${MAX_FILES} files`);
      const { type, path, size, oid, lfs } = entry;
      // Names that could not be files here are nobody's model.
      if (type !== "file" || typeof path !== "string" || !isSafePath(path) || seen.has(path)) continue;
      seen.add(path);
      const byteLength = lfs?.size ?? size;
      const hash: ContentHash | undefined =
        lfs !== undefined ? hashOf("sha256", lfs.oid, 64) : hashOf("git-sha1", oid, 40);
      if (!Number.isSafeInteger(byteLength) || byteLength < 0) throw fail(`${quote(path)}: expected a size`);
      if (hash === undefined) throw fail(`${quote(path)}: expected a hash`);
      files.push({ path, byteLength, hash });
    }
    return { commit, files };
  } catch (cause) {
    if (hub.signal?.aborted) throw hub.signal.reason;
    if (cause instanceof QuantizeError) throw cause;
    throw new QuantizeError("bad-format", `${subject}: the hub's answer cannot be read`, { cause });
  }
}

function hashOf(kind: ContentHash["kind"], hex: unknown, digits: number): ContentHash | undefined {
  return typeof hex === "string" && hex.length === digits && /^[0-9a-f]+$/.test(hex) ? { kind, hex } : undefined;
}
