/**
 * iq1_s, iq1_m: 256 weights, eight at a time a point of a fixed set with coordinates -1, 0, 1, shifted by 1/8. Read only.
 *
 * Value: d * (2 s + 1) * (coordinate +- 1/8); d is f16, s a 3-bit scale per 32 (iq1_s) or 16 weights (iq1_m). The shift's
 * sign is said per 32 or per 8 weights. Each product is rounded to f32. iq1_m has no field d: its 16 bits are the upper
 * four of each of the four scale words.
 */
import type { Codec } from "../codec.ts";
import { f16Value, readF16 } from "../floats/half.ts";
import { iq1Grid } from "./iq-grids.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 256;
const SHIFT = 0.125;

function writePoint(dst: Float32Array, at: number, point: number, scale: number, shift: number): void {
  for (let j = 0; j < 8; j++) dst[at + j] = scale * (iq1Grid()[8 * point + j]! + shift);
}

function decodeS(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 50) {
    const d = readF16(src, at);
    for (let group = 0; group < 8; group++) {
      const high = src[at + 34 + 2 * group]! | (src[at + 35 + 2 * group]! << 8);
      const scale = fround(d * (2 * ((high >> 12) & 7) + 1));
      const shift = high & 0x8000 ? -SHIFT : SHIFT;
      for (let l = 0; l < 4; l++) {
        const point = src[at + 2 + 4 * group + l]! | (((high >> (3 * l)) & 7) << 8);
        writePoint(dst, i + 32 * group + 8 * l, point, scale, shift);
      }
    }
  }
}

function decodeM(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += 56) {
    const words = [0, 1, 2, 3].map((w) => src[at + 48 + 2 * w]! | (src[at + 49 + 2 * w]! << 8));
    const d = f16Value(words.reduce((bits, word, w) => bits | ((word >> 12) << (4 * w)), 0));
    for (let l = 0; l < 32; l++) {
      const high = src[at + 32 + (l >> 1)]! >> (4 * (l & 1));
      const scale = fround(d * (2 * ((words[l >> 3]! >> (3 * ((l >> 1) & 3))) & 7) + 1));
      writePoint(dst, i + 8 * l, src[at + l]! | ((high & 7) << 8), scale, high & 8 ? -SHIFT : SHIFT);
    }
  }
}

export const iq1_s: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq1_s",
    about: "points of a fixed set, eight weights to one, a 3-bit scale per 32",
    ggmlType: 19,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 32, "low 8 bits of 32 point numbers"),
      codesField("qh", 16, "per 32 weights a half word: four times three upper bits, 3-bit scale, sign of the shift"),
    ],
  }),
  decode: decodeS,
});

export const iq1_m: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq1_m",
    about: "points of a fixed set, eight weights to one, a 3-bit scale per 16",
    ggmlType: 29,
    blockSize: BLOCK_SIZE,
    fields: [
      codesField("qs", 32, "low 8 bits of 32 point numbers"),
      codesField("qh", 16, "per 8 weights four bits: three upper bits, sign of the shift; lower half first"),
      scaleField("scales", 8, "four half words: four 3-bit scales each, then four bits of the f16 scale d"),
    ],
  }),
  decode: decodeM,
});
