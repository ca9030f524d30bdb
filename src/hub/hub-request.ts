/**
 * Requests to the hub. The token goes to the hub and to no other host: neither where a redirect leads (`fetch` drops it
 * there), nor where an answer's links lead (they are not followed).
 */
import { QuantizeError } from "../errors.ts";
import { printable } from "../text/printable.ts";
import { DEFAULT_ENDPOINT } from "./hub-address.ts";

/** A hub, and who is asking. */
export interface Hub {
  /** `https://huggingface.co`, without a slash at the end. */
  readonly endpoint: string;
  readonly token?: string;
  readonly signal?: AbortSignal;
}

/** A failed request; `mayPass` when the same request may succeed in a moment. */
export class HubFailure extends QuantizeError {
  readonly mayPass: boolean;
  constructor(message: string, mayPass: boolean, options?: { cause?: unknown }) {
    super("io", message, options);
    this.mayPass = mayPass;
  }
}

/** Longest answer that is not a file: lists of files come in pages of at most a thousand. */
const MAX_ANSWER_BYTES = 1 << 25;

/**
 * The hub that `HF_ENDPOINT` names, asked with `HF_TOKEN`.
 * @throws QuantizeError `usage` for an endpoint that is no address, or a token that no header could hold
 */
export function hubFromEnvironment(env: NodeJS.ProcessEnv = process.env, signal?: AbortSignal): Hub {
  const endpoint = (env["HF_ENDPOINT"] || DEFAULT_ENDPOINT).replace(/\/+$/, "");
  if (!/^https?:\/\/[^/?#@\s]+(\/[^?#\s]*)?$/.test(endpoint) || !URL.canParse(endpoint)) {
    throw new QuantizeError("usage", "HF_ENDPOINT: expected an address such as https://huggingface.co");
  }
  const token = env["HF_TOKEN"]?.trim();
  if (token && !/^[\x21-\x7e]+$/.test(token)) throw new QuantizeError("usage", "HF_TOKEN: expected a token");
  return { endpoint, ...(token && { token }), ...(signal && { signal }) };
}

/**
 * Asks for something.
 * @param subject what it is about, for error messages: `hf:org/repo`
 * @returns a response whose status is 200 or 206
 * @throws HubFailure saying what the hub said
 */
export async function requestHub(hub: Hub, subject: string, url: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (hub.token !== undefined && new URL(url).origin === new URL(hub.endpoint).origin) {
    headers.set("authorization", `Bearer ${hub.token}`);
  }
  headers.set("user-agent", "quantize");
  let response: Response;
  try {
    response = await fetch(url, { ...init, headers, ...(hub.signal && { signal: hub.signal }) });
  } catch (cause) {
    throw networkFailure(hub, subject, cause);
  }
  if (response.redirected && url.startsWith("https:") && !response.url.startsWith("https:")) {
    await response.body?.cancel();
    throw new HubFailure(`${subject}: the hub leads to an address without encryption`, false);
  }
  if (response.status === 200 || response.status === 206) return response;
  await response.body?.cancel();
  throw statusFailure(hub, subject, response);
}

/** `fetch` for the library: to the hub only, with answers of bounded length. */
export function fetchFor(hub: Hub, subject: string): typeof fetch {
  return async (input, init) => {
    const url = input instanceof Request ? input.url : String(input);
    if (new URL(url).origin !== new URL(hub.endpoint).origin) {
      const found = printable(new URL(url).origin);
      throw new QuantizeError("bad-format", `${subject}: expected pages of ${hub.endpoint}, found a link to ${found}`);
    }
    const response = await requestHub(hub, subject, url, init);
    const { status, headers } = response;
    return new Response(await readAnswer(response, hub, subject), { status, headers });
  };
}

async function readAnswer(response: Response, hub: Hub, subject: string): Promise<Uint8Array<ArrayBuffer>> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const piece of response.body ?? []) {
      length += piece.length;
      if (length > MAX_ANSWER_BYTES) {
        throw new QuantizeError("bad-format", `${subject}: the hub's answer is longer than ${MAX_ANSWER_BYTES} bytes`);
      }
      pieces.push(piece);
    }
  } catch (cause) {
    throw networkFailure(hub, subject, cause);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}

const NETWORK_REASONS: Readonly<Record<string, string>> = {
  ENOTFOUND: "no such host, or no network",
  EAI_AGAIN: "no network",
  ECONNREFUSED: "connection refused",
  ECONNRESET: "the connection broke",
  UND_ERR_SOCKET: "the connection broke",
  UND_ERR_CONNECT_TIMEOUT: "no answer",
  UND_ERR_HEADERS_TIMEOUT: "no answer",
  UND_ERR_BODY_TIMEOUT: "no answer",
  ETIMEDOUT: "no answer",
};

/** What `fetch` threw, in people's words. A stopped run stays one. */
export function networkFailure(hub: Hub, subject: string, cause: unknown): Error {
  if (hub.signal?.aborted) return hub.signal.reason as Error;
  if (cause instanceof QuantizeError) return cause;
  const inner = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  const code = typeof inner === "object" && inner !== null && "code" in inner ? String(inner.code) : undefined;
  const reason = (code !== undefined && NETWORK_REASONS[code]) || code || printable(String(inner));
  return new HubFailure(`${subject}: ${hub.endpoint} cannot be reached: ${reason}`, true, { cause });
}

/** What the hub's status and its `X-Error-Code` mean (RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo, ...). */
function statusFailure(hub: Hub, subject: string, { status, headers }: Response): HubFailure {
  const code = headers.get("x-error-code");
  const said = headers.get("x-error-message");
  const repo = subject.replace(/^hf:/, "").replace(/[@:].*$/, "");
  const fail = (what: string) => new HubFailure(`${subject}: ${what} (HTTP ${status})`, false);
  const login = hub.token === undefined ? "set HF_TOKEN" : "the one in HF_TOKEN may not";
  if (code === "GatedRepo") {
    return fail(`a gated model: ask for access at ${hub.endpoint}/${repo}, and with a token that has it ${login}`);
  }
  if (code === "RevisionNotFound") return fail("no such revision");
  if (code === "EntryNotFound") return fail("no such file");
  if (code === "RepoNotFound" || status === 401) {
    return fail(`no such model, or a private one, which takes a token that may read it: ${login}`);
  }
  if (status === 404) return fail("not found");
  if (status === 429) return new HubFailure(`${subject}: the hub takes no more requests now (HTTP 429)`, true);
  const message = said === null ? "" : `: ${printable(said.slice(0, 200))}`;
  return new HubFailure(`${subject}: the hub refused (HTTP ${status})${message}`, status >= 500);
}
