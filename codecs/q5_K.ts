/**
 * q5_K: 256 weights in eight groups of 32, each with a 6-bit scale and a 6-bit minimum.
 *
 * Value: (d * S_j) * q - (dmin * M_j), codes q 0 ... 31, each product rounded to f32, d and dmin f16.
 * Definition: ggml's `quantize_row_q5_K_ref`, `quantize_row_q5_K_impl` and `dequantize_row_q5_K`.
 */
import { withBlockBytes } from "./codec.ts";
import type { Codec, EncodeOptions } from "./codec.ts";
import { readF16 } from "./half.ts";
import { encodeGroupsOf32, forEachSuperBlock, SUPER_BLOCK } from "./k-groups.ts";
import type { GroupsOf32 } from "./k-groups.ts";
import { packedMin, packedScale } from "./k-scales.ts";

const fround = Math.fround;
const BLOCK_BYTES = 176;
const QH = 16;
const QS = 48;
const GROUPS: GroupsOf32 = {
  search: { maxCode: 31, first: -0.5, step: fround(0.1), steps: 15, isAbsolute: false },
  wraps: false,
};

const codes = new Uint8Array(SUPER_BLOCK);

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  forEachSuperBlock(src, options, (x, importance, block) => {
    const at = block * BLOCK_BYTES;
    encodeGroupsOf32(x, importance, GROUPS, codes, dst, at);
    for (let i = 0; i < 32; i++) {
      let high = 0;
      for (let pair = 0; pair < 4; pair++) {
        const a = codes[64 * pair + i]!;
        const b = codes[64 * pair + 32 + i]!;
        dst[at + QS + 32 * pair + i] = (a & 15) | ((b & 15) << 4);
        high |= ((a >> 4) | ((b >> 4) << 1)) << (2 * pair);
      }
      dst[at + QH + i] = high;
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
      for (let i = 0; i < 32; i++) {
        const high = (src[at + QH + i]! >> group) & 1;
        dst[out++] = fround(scale * (((src[bytes + i]! >> shift) & 15) + 16 * high)) - min;
      }
    }
  }
}

export const q5_K: Codec = Object.freeze({
  ...withBlockBytes({
    name: "q5_K",
    kind: "uniform" as const,
    ggmlType: 13,
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
        name: "qh",
        bytes: 32,
        role: "codes" as const,
        meaning: "fifth bits; bit g of byte i belongs to element i of group g",
      },
      {
        name: "qs",
        bytes: 128,
        role: "codes" as const,
        meaning: "low nibbles; each 32 bytes hold two groups, byte i element i low and element i + 32 high",
      },
    ],
  }),
  encode,
  decode,
});
