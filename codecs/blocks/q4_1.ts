/** q4_1: 32 weights as 4-bit codes with an f16 scale and an f16 minimum, 20 bytes. See min-blocks.ts. */
import { minBlocks } from "./min-blocks.ts";

export const q4_1 = minBlocks("q4_1", 3, 4);
