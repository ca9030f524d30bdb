/** The keys that a finished file carries beside the model's own: format version, learned tables, manifest. */
import type { Codebook } from "../../codecs/codec.ts";
import type { Metadata, MetadataScalar } from "../read/model.ts";
import {
  levelsKey,
  MANIFEST_KEY,
  MANIFEST_VERSION,
  tablesKey,
  VERSION_KEY,
  withoutStorageKeys,
} from "./manifest-keys.ts";

/** The learned part of one tensor, slices joined. While only sizes are asked for, `{ length }` will do. */
export interface StoredCodebooks {
  readonly tensor: string;
  readonly tables: ArrayLike<number>;
  readonly levels: ArrayLike<number>;
}

/** Metadata of an output file: the model's, then the format version, the learned tables, and the manifest. */
export function withStorageKeys(
  metadata: Metadata,
  codebooks: readonly StoredCodebooks[],
  manifestText: string,
): Metadata {
  const result = withoutStorageKeys(metadata);
  result.set(VERSION_KEY, { type: "uint32", value: MANIFEST_VERSION });
  const array = (elementType: "int8" | "float32", values: ArrayLike<MetadataScalar>) =>
    ({ type: "array", elementType, values }) as const;
  for (const { tensor, tables, levels } of codebooks) {
    result.set(tablesKey(tensor), array("int8", tables));
    result.set(levelsKey(tensor), array("float32", levels));
  }
  result.set(MANIFEST_KEY, { type: "string", value: manifestText });
  return result;
}

/**
 * Joins the codebooks of a tensor's slices for storing.
 * @throws RangeError when the slices do not have equally many tables and levels
 */
export function joinCodebooks(tensor: string, codebooks: readonly Codebook[]): StoredCodebooks {
  const { tables, levels } = codebooks[0]!;
  const allTables = new Int8Array(tables.length * codebooks.length);
  const allLevels = new Float32Array(levels.length * codebooks.length);
  for (const [slice, codebook] of codebooks.entries()) {
    if (codebook.tables.length !== tables.length || codebook.levels.length !== levels.length) {
      throw new RangeError(`${tensor}: slice ${slice} has a codebook of another size than slice 0`);
    }
    allTables.set(codebook.tables, slice * tables.length);
    allLevels.set(codebook.levels, slice * levels.length);
  }
  return { tensor, tables: allTables, levels: allLevels };
}
