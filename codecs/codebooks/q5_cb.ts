/**
 * q5_cb and q5_cb_g64: codebooks with 5-bit codes of single weights, in groups of 32 and 64. See codebook-format.ts.
 */
import { makeCodebookFormat } from "./codebook-format.ts";

export const q5_cb = makeCodebookFormat({
  name: "q5_cb",
  blockSize: 32,
  codeBits: 5,
  dimension: 1,
  stockType: "q5_K",
});
export const q5_cb_g64 = makeCodebookFormat({
  name: "q5_cb_g64",
  blockSize: 64,
  codeBits: 5,
  dimension: 1,
  fallback: "q5_cb",
  stockType: "q5_K",
});
