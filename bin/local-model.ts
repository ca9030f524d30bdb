/**
 * From what people name a model by to a path: paths as they are, models of the Hugging Face hub by way of its cache.
 * Loaded with every command: what only a model of the hub needs is imported when one is named.
 */
import { existsSync } from "node:fs";
import type { RunOptions } from "../src/engine/run-options.ts";
import { QuantizeError } from "../src/errors.ts";
import { looksLikeRepo, parseHubAddress, type HubAddress } from "../src/hub/hub-address.ts";
import type { Model } from "../src/read/model.ts";

/** What commands say of their models. */
export interface ModelFlags {
  readonly revision?: string;
  readonly quiet?: boolean;
  /** Refused before hours of transfer, not after. */
  readonly output?: string;
  readonly force?: boolean;
}

/** The model on the hub that an argument names, or undefined for a path. Nothing is opened that was not named. */
function addressOf(input: string, { revision }: ModelFlags): HubAddress | undefined {
  const address = parseHubAddress(input, process.env["HF_ENDPOINT"] || undefined);
  if (address === undefined) {
    if (!existsSync(input) && looksLikeRepo(input)) {
      throw new QuantizeError("io", `${input}: no such file or folder; a model of the Hugging Face hub is hf:${input}`);
    }
    if (revision !== undefined) {
      throw new QuantizeError("usage", `--revision is of a model of the hub: hf:<org>/<repo>, found ${input}`);
    }
    return undefined;
  }
  if (revision === undefined) return address;
  if (address.revision !== undefined && address.revision !== revision) {
    throw new QuantizeError("usage", `two revisions: --revision ${revision} and @${address.revision}`);
  }
  const { repo, place } = address;
  return parseHubAddress(`hf:${repo}@${revision}${place === undefined ? "" : `:${place}`}`);
}

async function withProgress<T>(
  flags: ModelFlags,
  work: (run: Pick<RunOptions, "onProgress" | "signal">) => Promise<T>,
): Promise<T> {
  const [{ interruptible }, { showProgress }] = await Promise.all([
    import("./interruption.ts"),
    import("./progress.ts"),
  ]);
  const progress = await showProgress({ isQuiet: flags.quiet ?? false });
  try {
    return await interruptible((signal) => work({ onProgress: progress.onProgress, signal }));
  } finally {
    progress.stop();
  }
}

/**
 * The path of a model, fetched if need be.
 * @throws QuantizeError for names that mean nothing, and as `fetchModel`
 */
export async function localModel(input: string, flags: ModelFlags = {}): Promise<string> {
  const address = addressOf(input, flags);
  if (address === undefined) return input;
  const [{ fetchModel }, { checkOutput }] = await Promise.all([
    import("../src/hub/fetch-model.ts"),
    import("../src/write/output-path.ts"),
  ]);
  if (flags.output !== undefined) checkOutput(flags.output, flags.force ?? false);
  return withProgress(flags, (run) => fetchModel(address, run));
}

/** The same for an option that need not be given. */
export async function localOriginal(against: string | undefined, flags: ModelFlags): Promise<{ against?: string }> {
  return against === undefined ? {} : { against: await localModel(against, { quiet: flags.quiet ?? false }) };
}

/**
 * Looks at a model of which no more is fetched than is looked at.
 * @param look may be run several times; prints nothing before it has read everything
 */
export async function lookAtModel<T>(
  input: string,
  flags: ModelFlags,
  look: (path: string, named: (model: Model) => Model) => Promise<T>,
): Promise<T> {
  const address = addressOf(input, flags);
  if (address === undefined) return look(input, (model) => model);
  const { openRemoteHeaders } = await import("../src/hub/remote-headers.ts");
  const remote = await withProgress(flags, (run) => openRemoteHeaders(address, run));
  try {
    return await remote.use(() => look(remote.path, remote.named));
  } finally {
    remote.close();
  }
}
