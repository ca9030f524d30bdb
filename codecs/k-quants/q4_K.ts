/**
 * q4_K: 256 weights in eight groups of 32 with 4-bit codes, 144 bytes. See k-affine.ts.
 * Definition: ggml's `quantize_row_q4_K_ref`, `quantize_row_q4_K_impl` and `dequantize_row_q4_K`.
 */
import { affineSuperBlocks } from "./k-affine.ts";

export const q4_K = affineSuperBlocks("q4_K", 12, {
  search: { maxCode: 15, first: -1, step: Math.fround(0.1), steps: 20, isAbsolute: false },
  wraps: true,
});
