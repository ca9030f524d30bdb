/**
 * Models of a hub as people name them: `hf:org/repo`, `hf:org/repo@revision`, `hf:org/repo:file.gguf`, and addresses
 * copied from a browser. Nothing is opened here.
 */
import { QuantizeError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { isSafePath } from "./safe-path.ts";

/** Where the hub is, unless `HF_ENDPOINT` says otherwise. */
export const DEFAULT_ENDPOINT = "https://huggingface.co";

/** Hosts whose addresses people paste. */
const HUB_HOSTS: readonly string[] = ["huggingface.co", "www.huggingface.co", "hf.co"];

export interface HubAddress {
  /** `org/repo`, or one word for the oldest models (`gpt2`). */
  readonly repo: string;
  /** A branch, a tag, a commit. */
  readonly revision?: string;
  /** A file or folder of the repository, or the name of a type that a GGUF file's name holds (`Q4_K_M`). */
  readonly place?: string;
}

const FORM = "hf:<org>/<repo>[@<revision>][:<file>]";

/**
 * Takes a model's name apart.
 * @param endpoint whose addresses are understood beside those of huggingface.co
 * @returns undefined for everything else: paths
 * @throws QuantizeError `usage` for what begins like a name or an address and is none of a model
 */
export function parseHubAddress(input: string, endpoint = DEFAULT_ENDPOINT): HubAddress | undefined {
  if (/^hf:/i.test(input)) {
    const [, repo = "", revision, place] = /^hf:([^@:]*)(?:@([^:]*))?(?::(.*))?$/is.exec(input) ?? [];
    return checked({ repo, ...(revision !== undefined && { revision }), ...(place !== undefined && { place }) }, input);
  }
  return /^https?:\/\//i.test(input) ? parseLink(input, endpoint) : undefined;
}

/** The name of a model as `hf:...`. */
export function formatHubAddress({ repo, revision, place }: HubAddress): string {
  return `hf:${repo}${revision === undefined ? "" : `@${revision}`}${place === undefined ? "" : `:${place}`}`;
}

/** True for what would be a repository's name if it is no path. */
export function looksLikeRepo(input: string): boolean {
  return input.includes("/") && isRepoName(input);
}

function isRepoName(name: string): boolean {
  const isWord = (word: string): boolean => /^[A-Za-z0-9_](?:[\w.-]*[\w])?$/.test(word) && !/--|\.\./.test(word);
  const words = name.split("/");
  return name.length <= 96 && words.length <= 2 && words.every(isWord);
}

/** What git takes for the name of a branch, without what a shell or a path could misunderstand. */
function isRevision(name: string): boolean {
  return /^[\w][\w.+=#@/-]*$/.test(name) && name.length <= 200 && !name.includes("@{") && isSafePath(name);
}

function checked(address: HubAddress, input: string): HubAddress {
  const { repo, revision, place } = address;
  const fail = (what: string) => new QuantizeError("usage", `${printable(input)}: ${what}, expected ${FORM}`);
  if (!isRepoName(repo)) throw fail("no name of a repository");
  if (revision !== undefined && !isRevision(revision)) throw fail("no name of a revision");
  if (place !== undefined && !isSafePath(place)) throw fail("no name of a file");
  return address;
}

function parseLink(input: string, endpoint: string): HubAddress {
  const fail = (what: string) => new QuantizeError("usage", `${printable(input)}: expected ${what}`);
  let link: URL;
  let words: string[];
  try {
    link = new URL(input);
    const home = new URL(endpoint);
    const isHome = link.host === home.host && link.pathname.startsWith(home.pathname);
    if (!isHome && !HUB_HOSTS.includes(link.host)) {
      throw fail(`a path, ${FORM}, or an address of ${endpoint}: nothing else is downloaded`);
    }
    const path = isHome ? link.pathname.slice(home.pathname.length) : link.pathname;
    words = path.split("/").filter((word) => word !== "");
    words = words.map(decodeURIComponent);
  } catch (cause) {
    throw cause instanceof QuantizeError ? cause : fail("an address");
  }
  if (["datasets", "spaces", "api", "docs", "collections", "papers"].includes(words[0] ?? "")) {
    throw fail("the address of a model");
  }
  const verb = words.findIndex((word, index) => index > 0 && /^(tree|blob|resolve|raw)$/.test(word));
  const [repo, rest] = verb < 0 ? [words, []] : [words.slice(0, verb), words.slice(verb + 1)];
  // The only revisions with slashes that the hub makes by itself; of others the browser's address is ambiguous.
  const count = rest[0] === "refs" ? 3 : 1;
  const [revision, place] = [rest.slice(0, count).join("/"), rest.slice(count).join("/")];
  return checked({ repo: repo.join("/"), ...(revision !== "" && { revision }), ...(place !== "" && { place }) }, input);
}
