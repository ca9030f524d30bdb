/**
 * Super-blocks of 256 weights in eight groups of 32, each with a 6-bit scale S and a 6-bit minimum M, and codes of four
 * or five bits: q4_K and q5_K.
 *
 * Value: (d * S_j) * q - (dmin * M_j), each product rounded to f32, d and dmin f16. Encoder: `encodeGroupsOf32`.
 */
import type { Codec, EncodeOptions, Field } from "../codec.ts";
import { readF16 } from "../floats/half.ts";
import { encodeGroupsOf32, forEachSuperBlock, SUPER_BLOCK } from "./k-groups.ts";
import type { GroupsOf32 } from "./k-groups.ts";
import { packedMin, packedScale } from "./k-scales.ts";
import { codesField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const AFTER_SCALES = 16;

const codes = new Uint8Array(SUPER_BLOCK);

/** The codec of that name and `ggml_type`; five bits when the search has codes above 15. */
export function affineSuperBlocks(name: string, ggmlType: number, groups: GroupsOf32): Codec {
  const hasFifth = groups.search.maxCode > 15;
  const [highAt, nibblesAt] = [AFTER_SCALES, hasFifth ? AFTER_SCALES + 32 : AFTER_SCALES];
  const nibbles = "each 32 bytes hold two groups, byte i element i low and element i + 32 high";
  const codesFields: readonly Field[] = hasFifth
    ? [
        codesField("qh", 32, "fifth bits; bit g of byte i belongs to element i of group g"),
        codesField("qs", 128, `low nibbles; ${nibbles}`),
      ]
    : [codesField("qs", 128, `4-bit codes; ${nibbles}`)];
  const format = uniformFormat(name, ggmlType, SUPER_BLOCK, [
    scaleField("d", 2, "scale of the eight scales, f16"),
    scaleField("dmin", 2, "scale of the eight minima, f16"),
    scaleField(
      "scales",
      12,
      "eight 6-bit scales and eight 6-bit minima: 0-3 whole in bytes 0-3 and 4-7, 4-7 split over all twelve",
    ),
    ...codesFields,
  ]);
  const { blockBytes } = format;

  function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
    forEachSuperBlock(src, options, (x, importance, block) => {
      const at = block * blockBytes;
      encodeGroupsOf32(x, importance, groups, codes, dst, at);
      for (let i = 0; i < 32; i++) {
        let high = 0;
        for (let pair = 0; pair < 4; pair++) {
          const a = codes[64 * pair + i]!;
          const b = codes[64 * pair + 32 + i]!;
          dst[at + nibblesAt + 32 * pair + i] = (a & 15) | ((b & 15) << 4);
          high |= ((a >> 4) | ((b >> 4) << 1)) << (2 * pair);
        }
        if (hasFifth) dst[at + highAt + i] = high;
      }
    });
  }

  function decode(src: Uint8Array, dst: Float32Array): void {
    for (let at = 0, out = 0; at < src.length; at += blockBytes) {
      const d = readF16(src, at);
      const dmin = readF16(src, at + 2);
      for (let group = 0; group < 8; group++) {
        const scale = fround(d * packedScale(src, at + 4, group));
        const min = fround(dmin * packedMin(src, at + 4, group));
        const bytes = at + nibblesAt + 32 * (group >> 1);
        const shift = 4 * (group & 1);
        for (let i = 0; i < 32; i++) {
          const high = hasFifth ? (src[at + highAt + i]! >> group) & 1 : 0;
          dst[out++] = fround(scale * (((src[bytes + i]! >> shift) & 15) + 16 * high)) - min;
        }
      }
    }
  }

  return Object.freeze({ ...format, encode, decode });
}
