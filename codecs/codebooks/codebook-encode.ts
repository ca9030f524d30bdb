/**
 * The codebook encoder: rows of groups, each searched by itself (group-search.ts) and stored as level, table, codes.
 * codebook.simd.ts is the twin and gives the same bytes.
 */
import type { EncodeOptions } from "../codec.ts";
import { packCodes } from "./codebook-codes.ts";
import { searchGroup } from "./group-search.ts";
import { viewPreparedCodebook } from "./prepared-codebook.ts";
import { makeSearchScratch } from "./search-scratch.ts";

/**
 * Encodes whole rows.
 * @param preparedCodebook from `prepareCodebook`
 * @param src rows of f32; length a multiple of `rowLength`, and that of the group
 * @param dst receives `src.length / groupSize` blocks
 */
export function encodeCodebook(
  preparedCodebook: Uint8Array,
  src: Float32Array,
  dst: Uint8Array,
  { rowLength, importance }: EncodeOptions,
): void {
  const prepared = viewPreparedCodebook(preparedCodebook);
  const scratch = makeSearchScratch(prepared);
  const { groupSize, dimension, codeBits } = prepared;
  const { choice } = scratch;
  const blockBytes = 2 + (groupSize / dimension / 8) * codeBits;
  for (let at = 0, out = 0; at < src.length; at += groupSize, out += blockBytes) {
    searchGroup(prepared, scratch, src, at, importance, at % rowLength);
    dst[out] = choice.level;
    dst[out + 1] = choice.table;
    packCodes(prepared, groupSize, choice.codes, dst, out + 2);
  }
}
