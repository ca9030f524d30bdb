/** q5_0: 32 weights as 5-bit codes with one f16 scale, 22 bytes. See signed-blocks.ts. */
import { signedBlocks } from "./signed-blocks.ts";

export const q5_0 = signedBlocks({
  name: "q5_0",
  about: "5-bit codes from -16 to 15, a scale per 32",
  ggmlType: 6,
  bits: 5,
});
