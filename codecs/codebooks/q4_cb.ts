/**
 * q4_cb and q4_cb_g64: codebooks with 4-bit codes of single weights, in groups of 32 and 64. See codebook-format.ts.
 */
import { makeCodebookFormat } from "./codebook-format.ts";

export const q4_cb = makeCodebookFormat({
  name: "q4_cb",
  blockSize: 32,
  codeBits: 4,
  dimension: 1,
  stockType: "q4_K",
});
export const q4_cb_g64 = makeCodebookFormat({
  name: "q4_cb_g64",
  blockSize: 64,
  codeBits: 4,
  dimension: 1,
  fallback: "q4_cb",
  stockType: "q4_K",
});
