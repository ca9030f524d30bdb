/** How many tables a codebook tensor takes by default. */
import type { CodebookFormat } from "../../codecs/codec.ts";

export const MAX_TABLES = 256;
/** Scale levels per codebook, f32 each. */
export const MAX_LEVELS = 256;

/** The largest power of two up to 256 whose tables take less than 1% of the slice's bytes, at least 1. */
export function automaticTables(format: CodebookFormat, sliceBytes: number): number {
  let tables = MAX_TABLES;
  while (tables > 1 && tables * format.tableLength * 100 >= sliceBytes) tables /= 2;
  return tables;
}

/** Bytes of the learned part of a tensor: tables and (at most) all scale levels, for every slice. */
export function codebookBytes(format: CodebookFormat, tables: number, slices: number): number {
  return slices * (tables * format.tableLength + MAX_LEVELS * Float32Array.BYTES_PER_ELEMENT);
}
