/**
 * iq2_xxs, iq2_xs, iq2_s: 256 weights, eight at a time a point of a fixed set and eight signs. Read only.
 *
 * Value: d * (1/2 + s) / 4 * coordinate, with its sign; d is f16, s a 4-bit scale per 32 (iq2_xxs) or 16 weights. Each
 * product is rounded to f32, from the left. The sets are in `iq-grids.ts`, levels 8, 25, 43.
 */
import type { Codec } from "../codec.ts";
import { readF16 } from "../floats/half.ts";
import { iq2SGrid, iq2XsGrid, iq2XxsGrid } from "./iq-grids.ts";
import { signsOf, writeSigned } from "./iq-signs.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 256;

/** The scale of a group from its four bits. */
function groupScale(d: number, fourBits: number): number {
  return fround(fround(d * (0.5 + fourBits)) * 0.25);
}

function decodeXxs(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 66) {
    const d = readF16(src, at);
    for (let group = 0; group < 8; group++) {
      const from = at + 2 + 8 * group;
      const signBits = src[from + 4]! | (src[from + 5]! << 8) | (src[from + 6]! << 16) | (src[from + 7]! << 24);
      const scale = groupScale(d, signBits >>> 28);
      for (let l = 0; l < 4; l++) {
        const signs = signsOf((signBits >>> (7 * l)) & 127);
        writeSigned(dst, i + 32 * group + 8 * l, iq2XxsGrid(), 8 * src[from + l]!, 8, scale, signs, 0);
      }
    }
  }
}

function decodeXs(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 74) {
    const d = readF16(src, at);
    for (let l = 0; l < 32; l++) {
      const index = src[at + 2 + 2 * l]! | (src[at + 3 + 2 * l]! << 8);
      const scale = groupScale(d, (src[at + 66 + (l >> 2)]! >> (4 * ((l >> 1) & 1))) & 15);
      writeSigned(dst, i + 8 * l, iq2XsGrid(), 8 * (index & 511), 8, scale, signsOf(index >> 9), 0);
    }
  }
}

function decodeS(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 82) {
    const d = readF16(src, at);
    for (let l = 0; l < 32; l++) {
      const high = (src[at + 66 + (l >> 2)]! >> (2 * (l & 3))) & 3;
      const scale = groupScale(d, (src[at + 74 + (l >> 2)]! >> (4 * ((l >> 1) & 1))) & 15);
      const signs = src[at + 34 + l]!;
      writeSigned(dst, i + 8 * l, iq2SGrid(), 8 * (src[at + 2 + l]! | (high << 8)), 8, scale, signs, 0);
    }
  }
}

export const iq2_xxs: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq2_xxs",
    about: "points of a fixed set and signs, eight weights to one, a 4-bit scale per 32",
    ggmlType: 16,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 64, "per 32 weights four point numbers, then a word of four 7-bit signs and a 4-bit scale"),
    ],
  }),
  decode: decodeXxs,
});

export const iq2_xs: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq2_xs",
    about: "points of a fixed set and signs, eight weights to one, a 4-bit scale per 16",
    ggmlType: 17,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 64, "per 8 weights a little-endian half word: 9 bits of point number, 7 bits of signs"),
      scaleField("scales", 8, "4-bit scales, one per 16 weights, lower half first"),
    ],
  }),
  decode: decodeXs,
});

export const iq2_s: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq2_s",
    about: "points of a larger fixed set and signs, eight weights to one, a 4-bit scale per 16",
    ggmlType: 22,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 64, "low 8 bits of 32 point numbers, then 32 bytes of signs"),
      codesField("qh", 8, "upper two bits of the point numbers, four a byte, lowest first"),
      scaleField("scales", 8, "4-bit scales, one per 16 weights, lower half first"),
    ],
  }),
  decode: decodeS,
});
