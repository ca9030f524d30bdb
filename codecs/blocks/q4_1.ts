/** q4_1: 32 weights as 4-bit codes with an f16 scale and an f16 minimum, 20 bytes. See min-blocks.ts. */
import { minBlocks } from "./min-blocks.ts";

export const q4_1 = minBlocks({
  name: "q4_1",
  about: "4-bit codes, scale and minimum per 32",
  ggmlType: 3,
  bits: 4,
});
