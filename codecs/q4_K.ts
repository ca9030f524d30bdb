/**
 * q4_K: 256 weights in eight groups of 32, each with a 6-bit scale and a 6-bit minimum.
 *
 * Value: (d * S_j) * q - (dmin * M_j), codes q 0 ... 15, each product rounded to f32, d and dmin f16.
 * Definition: ggml's `quantize_row_q4_K_ref`, `quantize_row_q4_K_impl` and `dequantize_row_q4_K`.
 */
import { withBlockBytes } from "./codec.ts";
import type { Codec, EncodeOptions } from "./codec.ts";
import { readF16 } from "./half.ts";
import { encodeGroupsOf32, forEachSuperBlock, SUPER_BLOCK } from "./k-groups.ts";
import type { GroupsOf32 } from "./k-groups.ts";
import { packedMin, packedScale } from "./k-scales.ts";

const fround = Math.fround;
const BLOCK_BYTES = 144;
const QS = 16;
const GROUPS: GroupsOf32 = {
  search: { maxCode: 15, first: -1, step: fround(0.1), steps: 20, isAbsolute: false },
  wraps: true,
};

const codes = new Uint8Array(SUPER_BLOCK);

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  forEachSuperBlock(src, options, (x, importance, block) => {
    const at = block * BLOCK_BYTES;
    encodeGroupsOf32(x, importance, GROUPS, codes, dst, at);
    for (let pair = 0; pair < 4; pair++) {
      for (let i = 0; i < 32; i++) {
        dst[at + QS + 32 * pair + i] = codes[64 * pair + i]! | (codes[64 * pair + 32 + i]! << 4);
      }
    }
  });
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let at = 0, out = 0; at < src.length; at += BLOCK_BYTES) {
    const d = readF16(src, at);
    const dmin = readF16(src, at + 2);
    for (let group = 0; group < 8; group++) {
      const scale = fround(d * packedScale(src, at + 4, group));
      const min = fround(dmin * packedMin(src, at + 4, group));
      const bytes = at + QS + 32 * (group >> 1);
      const shift = 4 * (group & 1);
      for (let i = 0; i < 32; i++) dst[out++] = fround(scale * ((src[bytes + i]! >> shift) & 15)) - min;
    }
  }
}

export const q4_K: Codec = Object.freeze({
  ...withBlockBytes({
    name: "q4_K",
    kind: "uniform" as const,
    ggmlType: 12,
    blockSize: SUPER_BLOCK,
    fields: [
      { name: "d", bytes: 2, role: "scale" as const, meaning: "scale of the eight scales, f16" },
      { name: "dmin", bytes: 2, role: "scale" as const, meaning: "scale of the eight minima, f16" },
      {
        name: "scales",
        bytes: 12,
        role: "scale" as const,
        meaning: "eight 6-bit scales and eight 6-bit minima: 0-3 whole in bytes 0-3 and 4-7, 4-7 split over all twelve",
      },
      {
        name: "qs",
        bytes: 128,
        role: "codes" as const,
        meaning: "4-bit codes; each 32 bytes hold two groups, byte i element i low and element i + 32 high",
      },
    ],
  }),
  encode,
  decode,
});
