/** The model that a file was made from, where it still lies about. */
import { existsSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { QuantizeError } from "../errors.ts";
import type { Model } from "../read/model.ts";
import { manifestOf, type Manifest } from "../container/manifest.ts";

function isThere(folder: string, { name, bytes }: Manifest["source"]["files"][number]): boolean {
  return statSync(join(folder, basename(name)), { throwIfNoEntry: false })?.size === bytes;
}

/**
 * Looks for the files that the manifest names, beside the file and where the user stands, by name and size.
 * @returns a path for `openModel`
 * @throws QuantizeError `usage` when the model has no manifest, or its original is not found
 */
export async function findOriginal({ path, metadata }: Model): Promise<string> {
  const source = (await manifestOf(metadata, path))?.source;
  const [first] = source?.files ?? [];
  if (source === undefined || first === undefined) {
    throw new QuantizeError("usage", `${path} does not say what it was made from: name that with --against <model>`);
  }
  const folder = [dirname(path), "."].find((candidate) => source.files.every((file) => isThere(candidate, file)));
  if (folder === undefined) {
    throw new QuantizeError(
      "usage",
      `${path} was made from ${first.name} (${first.bytes} bytes), which is neither beside it nor here: ` +
        `name it with --against <model>`,
    );
  }
  const isFolder = source.format === "safetensors" && existsSync(join(folder, "config.json"));
  return isFolder ? folder : join(folder, basename(first.name));
}
