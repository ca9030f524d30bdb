/**
 * q2_cb and q2_cb_g64: codebooks with 4-bit codes of pairs of neighbouring weights, in groups of 32 and 64. See codebook-format.ts.
 */
import { makeCodebookFormat } from "./codebook-format.ts";

export const q2_cb = makeCodebookFormat({
  name: "q2_cb",
  blockSize: 32,
  codeBits: 4,
  dimension: 2,
  stockType: "q2_K",
});
export const q2_cb_g64 = makeCodebookFormat({
  name: "q2_cb_g64",
  blockSize: 64,
  codeBits: 4,
  dimension: 2,
  fallback: "q2_cb",
  stockType: "q2_K",
});
