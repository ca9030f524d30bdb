/** q5_0: 32 weights as 5-bit codes with one f16 scale, 22 bytes. See signed-blocks.ts. */
import { signedBlocks } from "./signed-blocks.ts";

export const q5_0 = signedBlocks("q5_0", 6, 5);
