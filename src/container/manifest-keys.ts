/** The metadata keys that describe our own storage: format version, manifest, learned tables, identity of a set. */
import { SET_KEY } from "../read/gguf/open-gguf.ts";
import type { Metadata } from "../read/model.ts";

/** Version of the manifest and of the carriers it describes: `quantize.format.version`. */
export const MANIFEST_VERSION = 1;

export { SET_KEY };
export const VERSION_KEY = "quantize.format.version";
export const MANIFEST_KEY = "quantize.manifest";
const CODEBOOK_PREFIX = "quantize.codebook.";

/** Key of a tensor's tables: int8, slice after slice. */
export const tablesKey = (tensor: string): string => `${CODEBOOK_PREFIX}${tensor}.tables`;
/** Key of a tensor's scale levels: float32, slice after slice. */
export const levelsKey = (tensor: string): string => `${CODEBOOK_PREFIX}${tensor}.levels`;

/** True for the keys which describe our own storage: they belong to one file and are never copied into another. */
export function isStorageKey(key: string): boolean {
  return key === VERSION_KEY || key === MANIFEST_KEY || key === SET_KEY || key.startsWith(CODEBOOK_PREFIX);
}

/** Metadata without the keys that describe our own storage. */
export function withoutStorageKeys(metadata: Metadata): Metadata {
  return new Map([...metadata].filter(([key]) => !isStorageKey(key)));
}
