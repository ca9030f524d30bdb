/**
 * q3_cb and q3_cb_g64: codebooks with 3-bit codes of single weights, in groups of 32 and 64. See codebook-format.ts.
 */
import { makeCodebookFormat } from "./codebook-format.ts";

export const q3_cb = makeCodebookFormat({
  name: "q3_cb",
  blockSize: 32,
  codeBits: 3,
  dimension: 1,
  stockType: "q3_K",
});
export const q3_cb_g64 = makeCodebookFormat({
  name: "q3_cb_g64",
  blockSize: 64,
  codeBits: 3,
  dimension: 1,
  fallback: "q3_cb",
  stockType: "q3_K",
});

/** The same size with 6-bit codes of pairs (64 points of the plane): less error, a dearer kernel (docs/codebooks.md). */
export const q3_cb2 = makeCodebookFormat({
  name: "q3_cb2",
  blockSize: 32,
  codeBits: 6,
  dimension: 2,
  stockType: "q3_K",
});
