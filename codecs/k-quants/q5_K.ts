/**
 * q5_K: 256 weights in eight groups of 32 with 5-bit codes, 176 bytes. See k-affine.ts.
 * Definition: ggml's `quantize_row_q5_K_ref`, `quantize_row_q5_K_impl` and `dequantize_row_q5_K`.
 */
import { affineSuperBlocks } from "./k-affine.ts";

export const q5_K = affineSuperBlocks("q5_K", 13, {
  search: { maxCode: 31, first: -0.5, step: Math.fround(0.1), steps: 15, isAbsolute: false },
  wraps: false,
});
