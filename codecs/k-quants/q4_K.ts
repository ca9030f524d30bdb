/**
 * q4_K: 256 weights in eight groups of 32 with 4-bit codes, 144 bytes. See k-affine.ts.
 * Definition: ggml's `quantize_row_q4_K_ref`, `quantize_row_q4_K_impl` and `dequantize_row_q4_K`.
 */
import { affineSuperBlocks } from "./k-affine.ts";

export const q4_K = affineSuperBlocks({
  name: "q4_K",
  about: "4-bit codes, 6-bit scales and minima per 32, in blocks of 256",
  ggmlType: 12,
  fallback: "q5_0",
  groups: {
    search: { maxCode: 15, first: -1, step: Math.fround(0.1), steps: 20, isAbsolute: false },
    wraps: true,
  },
});
