/**
 * iq4_xs: 256 weights, eight blocks as in iq4_nl whose scales are 6-bit multiples of one f16 scale.
 *
 * Block scales s_b by search, see `iq4-search.ts`; error weights as in iq4_nl, with the mean square of all 256.
 * d = s_max / -32, s_max being the first scale of largest magnitude; l_b = round(s_b / d) in [-32, 31], halves to even;
 * codes: the level nearest to x * (1 / (d l_b)). d is rounded to f16 only for storing. Value: d * l_b * level.
 */
import type { Codec, EncodeOptions } from "../codec.ts";
import { bitsPart, halfPart, nibblePart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { IQ4_LEVELS, nearestLevel, searchLevelScale, weighBySquares } from "./iq4-search.ts";
import { forEachSuperBlock, weighByImportance, sumOfSquares } from "../k-quants/k-groups.ts";
import { nearestCode } from "../k-quants/k-search.ts";
import { writeNibbles } from "../blocks/nibbles.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 256;
const BLOCK_BYTES = 136;
const GROUP = 32;
const GROUPS = 8;

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  const errorWeights = new Float32Array(GROUP);
  const scales = new Float32Array(GROUPS);
  const codes = new Uint8Array(GROUP);
  forEachSuperBlock(src, options, (x, importance, block) => {
    const at = block * BLOCK_BYTES;
    const spread = importance === undefined ? 0 : fround(sumOfSquares(x, 0, BLOCK_SIZE) * (2 / BLOCK_SIZE));
    let extreme = 0;
    for (let group = 0; group < GROUPS; group++) {
      if (importance === undefined) weighBySquares(x, group * GROUP, errorWeights);
      else weighByImportance(x, group * GROUP, importance, spread, errorWeights);
      const scale = searchLevelScale(x, group * GROUP, errorWeights);
      scales[group] = scale;
      if (Math.abs(scale) > Math.abs(extreme)) extreme = scale;
    }
    const d = fround(-extreme / 32);
    const inverse = d !== 0 ? fround(1 / d) : 0;
    writeF16(dst, at, d);
    dst.fill(0, at + 2, at + 8);
    for (let group = 0; group < GROUPS; group++) {
      const l = nearestCode(fround(inverse * scales[group]!), -32, 31);
      const groupScale = fround(d * l);
      const groupInverse = groupScale !== 0 ? fround(1 / groupScale) : 0;
      for (let j = 0; j < GROUP; j++) codes[j] = nearestLevel(fround(groupInverse * x[group * GROUP + j]!));
      writeNibbles(dst, at + 8 + 16 * group, codes);
      dst[at + 2 + (group >> 2)]! |= ((l + 32) >> 4) << (2 * (group & 3));
      dst[at + 4 + (group >> 1)]! |= ((l + 32) & 15) << (4 * (group & 1));
    }
  });
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let group = 0; group < GROUPS; group++) {
      const high = (src[at + 2 + (group >> 2)]! >> (2 * (group & 3))) & 3;
      const low = (src[at + 4 + (group >> 1)]! >> (4 * (group & 1))) & 15;
      const scale = fround(d * (((high << 4) | low) - 32));
      const out = i + group * GROUP;
      for (let j = 0; j < 16; j++) {
        const pair = src[at + 8 + 16 * group + j]!;
        dst[out + j] = scale * IQ4_LEVELS[pair & 15]!;
        dst[out + 16 + j] = scale * IQ4_LEVELS[pair >> 4]!;
      }
    }
  }
}

export const iq4_xs: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq4_xs",
    about: "16 fixed uneven levels, 6-bit scales per 32, in blocks of 256",
    ggmlType: 23,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale of the scales"),
      scaleField("scales_h", 2, "upper two bits of the block scales, block b at bit 2b of the little-endian word"),
      scaleField("scales_l", 4, "lower four bits of the block scales: byte b/2, even blocks low"),
      codesField("qs", 128, "16 bytes per block of 32: byte j has element j low, element j + 16 high"),
    ],
    levels: Array.from(IQ4_LEVELS),
    parts: (j) => [
      nibblePart("qs", j, 16),
      bitsPart("scales_l", "scale", (j >> 5) * 4, 4),
      bitsPart("scales_h", "scale, high bits", (j >> 5) * 2, 2),
      halfPart("d", "scale of scales"),
    ],
    fallback: "iq4_nl",
  }),
  encode,
  decode,
});
