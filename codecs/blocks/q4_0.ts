/** q4_0: 32 weights as 4-bit codes with one f16 scale, 18 bytes. See signed-blocks.ts. */
import { signedBlocks } from "./signed-blocks.ts";

export const q4_0 = signedBlocks("q4_0", 2, 4);
