/**
 * iq3_xxs, iq3_s: 256 weights, four at a time a point of a fixed set, with a sign each. Read only.
 *
 * iq3_xxs: d * (1/2 + s) / 2 * coordinate, levels 4 to 62; iq3_s: d * (1 + 2 s) * coordinate, levels 1 to 15; d is f16, s
 * a 4-bit scale per 32 weights. Each product is rounded to f32, from the left. The sets are in `iq-grids.ts`.
 */
import type { Codec } from "../codec.ts";
import { readF16 } from "../floats/half.ts";
import { iq3SGrid, iq3XxsGrid } from "./iq-grids.ts";
import { signsOf, writeSigned } from "./iq-signs.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 256;

function decodeXxs(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 98) {
    const d = readF16(src, at);
    for (let group = 0; group < 8; group++) {
      const word = at + 66 + 4 * group;
      const signBits = src[word]! | (src[word + 1]! << 8) | (src[word + 2]! << 16) | (src[word + 3]! << 24);
      const scale = fround(fround(d * (0.5 + (signBits >>> 28))) * 0.5);
      for (let l = 0; l < 8; l++) {
        const signs = signsOf((signBits >>> (7 * (l >> 1))) & 127);
        const point = src[at + 2 + 8 * group + l]!;
        writeSigned(dst, i + 32 * group + 4 * l, iq3XxsGrid(), 4 * point, 4, scale, signs, 4 * (l & 1));
      }
    }
  }
}

function decodeS(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 110) {
    const d = readF16(src, at);
    for (let group = 0; group < 8; group++) {
      const high = src[at + 66 + group]!;
      const scale = fround(d * (1 + 2 * ((src[at + 106 + (group >> 1)]! >> (4 * (group & 1))) & 15)));
      for (let l = 0; l < 8; l++) {
        const point = src[at + 2 + 8 * group + l]! | (((high >> l) & 1) << 8);
        const signs = src[at + 74 + 4 * group + (l >> 1)]!;
        writeSigned(dst, i + 32 * group + 4 * l, iq3SGrid(), 4 * point, 4, scale, signs, 4 * (l & 1));
      }
    }
  }
}

export const iq3_xxs: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq3_xxs",
    about: "points of a fixed set and signs, four weights to one, a 4-bit scale per 32",
    ggmlType: 18,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 96, "64 point numbers, then per 32 weights a word of four 7-bit signs and a 4-bit scale"),
    ],
  }),
  decode: decodeXxs,
});

export const iq3_s: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq3_s",
    about: "points of a larger fixed set and signs, four weights to one, a 4-bit scale per 32",
    ggmlType: 21,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 64, "low 8 bits of 64 point numbers"),
      codesField("qh", 8, "their ninth bits, lowest first"),
      codesField("signs", 32, "signs: bit j of the 256 belongs to element j"),
      scaleField("scales", 4, "4-bit scales, one per 32 weights, lower half first"),
    ],
  }),
  decode: decodeS,
});
