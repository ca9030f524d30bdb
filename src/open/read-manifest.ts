/** The manifest that a file of ours carries. */
import { QuantizeError } from "../errors.ts";
import { openModel } from "./open-model.ts";
import { manifestOf, type Manifest } from "../container/manifest.ts";

/**
 * Reads the manifest out of a file that this program wrote.
 * @throws QuantizeError `bad-format` when the file holds none, and whatever opening it throws
 */
export async function readManifest(path: string): Promise<Manifest> {
  const { metadata } = await openModel(path);
  const manifest = await manifestOf(metadata, path);
  if (manifest === undefined) throw new QuantizeError("bad-format", `${path}: holds no manifest of this program`);
  return manifest;
}
