/**
 * q5_K: 256 weights in eight groups of 32 with 5-bit codes, 176 bytes. See k-affine.ts.
 * Definition: ggml's `quantize_row_q5_K_ref`, `quantize_row_q5_K_impl` and `dequantize_row_q5_K`.
 */
import { affineSuperBlocks } from "./k-affine.ts";

export const q5_K = affineSuperBlocks({
  name: "q5_K",
  about: "5-bit codes, 6-bit scales and minima per 32, in blocks of 256",
  ggmlType: 13,
  fallback: "q5_1",
  groups: {
    search: { maxCode: 31, first: -0.5, step: Math.fround(0.1), steps: 15, isAbsolute: false },
    wraps: false,
  },
});
