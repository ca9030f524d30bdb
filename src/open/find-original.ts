/** The model that a file was made from, where it still lies about. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { QuantizeError } from "../errors.ts";
import type { Model } from "../read/model.ts";
import { manifestOf, type Manifest } from "../container/manifest.ts";

function isThere(folder: string, { name, bytes }: Manifest["source"]["files"][number]): boolean {
  return statSync(join(folder, basename(name)), { throwIfNoEntry: false })?.size === bytes;
}

/** Where the original is, or why it is not known. */
type Search = { readonly path: string } | { readonly problem: string; readonly isNamed: boolean };

async function search({ path, metadata }: Model): Promise<Search> {
  const source = (await manifestOf(metadata, path))?.source;
  const [first] = source?.files ?? [];
  if (source === undefined || first === undefined) {
    return { problem: `${path} does not say what it was made from`, isNamed: false };
  }
  const folder = [dirname(path), "."].find((candidate) => source.files.every((file) => isThere(candidate, file)));
  if (folder === undefined) {
    const file = `${first.name} (${first.bytes} bytes)`;
    return { problem: `${path} was made from ${file}, which is neither beside it nor here`, isNamed: true };
  }
  const isFolder = source.format === "safetensors" && existsSync(join(folder, "config.json"));
  return { path: isFolder ? folder : join(folder, basename(first.name)) };
}

/**
 * Looks for the files that the manifest names, beside the file and where the user stands, by name and size.
 * @returns a path for `openModel`
 * @throws QuantizeError `usage` when the model has no manifest, or its original is not found
 */
export async function findOriginal(model: Model): Promise<string> {
  const found = await search(model);
  if ("path" in found) return found.path;
  throw new QuantizeError("usage", `${found.problem}: name it with --against <model>`);
}

/** The same for those who can do without: a path, or what to tell people when a manifest names what is not there. */
export async function lookForOriginal(model: Model): Promise<{ readonly path?: string; readonly warning?: string }> {
  const found = await search(model);
  if ("path" in found) return found;
  return found.isNamed ? { warning: `${found.problem}: nothing to compare with (--against <model>)` } : {};
}
