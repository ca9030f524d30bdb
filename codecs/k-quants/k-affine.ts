/**
 * Super-blocks of 256 weights in eight groups of 32, each with a 6-bit scale S and a 6-bit minimum M, and codes of four
 * or five bits: q4_K and q5_K.
 *
 * Value: (d * S_j) * q - (dmin * M_j), each product rounded to f32, d and dmin f16. Encoder: `encodeGroupsOf32`.
 */
import { consecutiveLevels } from "../code-levels.ts";
import type { BlockFormat, Codec, ElementPart, EncodeOptions, Field } from "../codec.ts";
import { bitsPart, halfPart, nibblePart } from "../element-parts.ts";
import { readF16 } from "../floats/half.ts";
import { encodeGroupsOf32, forEachSuperBlock, SUPER_BLOCK } from "./k-groups.ts";
import type { GroupsOf32 } from "./k-groups.ts";
import { PACKED_SCALE_BYTES, packedMin, packedScale, sixBitPosition } from "./k-scales.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const AFTER_SCALES = 16;

const codes = new Uint8Array(SUPER_BLOCK);

/** What tells one codec of this family from another. */
export interface AffineSuperBlocks extends Pick<BlockFormat, "name" | "about" | "ggmlType" | "fallback"> {
  /** How scales and minima are found; codes have five bits when it has codes above 15. */
  readonly groups: GroupsOf32;
}

/** A scale or a minimum: one run of bits, or two where its high bits lie apart. */
function sixBitParts(kind: "scale" | "minimum", group: number): readonly ElementPart[] {
  const low = sixBitPosition(kind, group, 0);
  if (group < 4) return [bitsPart("scales", kind, low, 6)];
  const high = sixBitPosition(kind, group, 4);
  return [bitsPart("scales", kind, low, 4), bitsPart("scales", `${kind}, high bits`, high, 2)];
}

/** Where element `j` of a super-block lies. */
function affineParts(j: number, hasFifth: boolean): readonly ElementPart[] {
  const code = hasFifth
    ? [nibblePart("qs", j, 32, "low bits"), bitsPart("qh", "high bit", (j & 31) * 8 + (j >> 5), 1)]
    : [nibblePart("qs", j, 32)];
  return [
    ...code,
    ...sixBitParts("scale", j >> 5),
    ...sixBitParts("minimum", j >> 5),
    halfPart("d", "scale of scales"),
    halfPart("dmin", "scale of minima"),
  ];
}

/** The codec of these facts. */
export function affineSuperBlocks({ groups, ...facts }: AffineSuperBlocks): Codec {
  const hasFifth = groups.search.maxCode > 15;
  const [highAt, nibblesAt] = [AFTER_SCALES, hasFifth ? AFTER_SCALES + 32 : AFTER_SCALES];
  const nibbles = "each 32 bytes hold two groups, byte i element i low and element i + 32 high";
  const codesFields: readonly Field[] = hasFifth
    ? [
        codesField("qh", 32, "fifth bits; bit g of byte i belongs to element i of group g"),
        codesField("qs", 128, `low nibbles; ${nibbles}`),
      ]
    : [codesField("qs", 128, `4-bit codes; ${nibbles}`)];
  const format = uniformFormat({
    ...facts,
    blockSize: SUPER_BLOCK,
    fields: [
      halfField("d", "scale of the eight scales"),
      halfField("dmin", "scale of the eight minima"),
      scaleField(
        "scales",
        PACKED_SCALE_BYTES,
        "eight 6-bit scales and eight 6-bit minima: 0-3 whole in bytes 0-3 and 4-7, 4-7 split over all twelve",
      ),
      ...codesFields,
    ],
    levels: consecutiveLevels(hasFifth ? 5 : 4, 0),
    parts: (j) => affineParts(j, hasFifth),
  });
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
