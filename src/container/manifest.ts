/**
 * The manifest: what a file of ours says about itself, as JSON in the key `quantize.manifest`.
 *
 * It is the last to be known (hashes, errors) but stands in the header, before all weights. So its room is reserved
 * beforehand, from a draft with the longest numbers there are, and the finished text is padded with spaces.
 */
import { QuantizeError } from "../errors.ts";
import { reasonOf } from "../read/json-text.ts";
import type { Metadata } from "../read/model.ts";
import { MANIFEST_KEY } from "./manifest-keys.ts";
import type { Manifest } from "./manifest-schema.ts";

export type { Manifest, ManifestFacts, ManifestTensor } from "./manifest-schema.ts";

/** As long as a double gets in JSON, sign included. For the numbers of a draft. */
export const LONGEST_NUMBER = -0.0000012345678901234567;
/** As long as any hash. For the hashes of a draft. */
export const ANY_HASH = "0".repeat(16);

/** Bytes that a manifest with the facts of this draft can take at most. */
export function manifestRoom(draft: Manifest): number {
  return Buffer.byteLength(JSON.stringify(draft));
}

/**
 * The manifest as JSON, padded with spaces to its reserved room.
 * @throws RangeError when it is longer than that: then the draft was not a bound
 */
export function manifestText(manifest: Manifest, room: number): string {
  const text = JSON.stringify(manifest);
  const length = Buffer.byteLength(text);
  if (length > room) throw new RangeError(`a manifest of ${length} bytes in a room of ${room}`);
  return text + " ".repeat(room - length);
}

/**
 * Reads a manifest.
 * @param where the file, for error messages
 * @throws QuantizeError `bad-format` naming the field that is wrong
 */
export async function parseManifest(text: string, where: string): Promise<Manifest> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new QuantizeError("bad-format", `${where}: manifest: expected JSON: ${reasonOf(cause)}`, { cause });
  }
  const { manifestSchema } = await import("./manifest-schema.ts");
  const result = manifestSchema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw new QuantizeError("bad-format", `${where}: manifest, ${issue.path.join(".") || "root"}: ${issue.message}`);
}

/** The manifest of a model that this program wrote, or undefined. */
export async function manifestOf(metadata: Metadata, where: string): Promise<Manifest | undefined> {
  const value = metadata.get(MANIFEST_KEY);
  if (value === undefined) return undefined;
  if (value.type !== "string") {
    throw new QuantizeError("bad-format", `${where}: key "${MANIFEST_KEY}": expected a string, found ${value.type}`);
  }
  return parseManifest(value.value as string, where);
}
