/** q4_0: 32 weights as 4-bit codes with one f16 scale, 18 bytes. See signed-blocks.ts. */
import { signedBlocks } from "./signed-blocks.ts";

export const q4_0 = signedBlocks({
  name: "q4_0",
  about: "4-bit codes from -8 to 7, a half-precision scale per 32",
  ggmlType: 2,
  bits: 4,
});
