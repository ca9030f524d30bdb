/** q5_1: 32 weights as 5-bit codes with an f16 scale and an f16 minimum, 24 bytes. See min-blocks.ts. */
import { minBlocks } from "./min-blocks.ts";

export const q5_1 = minBlocks({
  name: "q5_1",
  about: "5-bit codes, scale and minimum per 32",
  ggmlType: 7,
  bits: 5,
});
