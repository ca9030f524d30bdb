/**
 * q1_0: 128 weights as signs with one f16 scale.
 *
 * d = mean |x|, summed in order in f32; bit set where x >= 0 (-0 counts, NaN does not). Value: d or -d.
 */
import type { Codec } from "../codec.ts";
import { bitsPart, halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";

const BLOCK_SIZE = 128;
const BLOCK_BYTES = 18;

function encode(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    let sum = 0;
    dst.fill(0, at + 2, at + BLOCK_BYTES);
    for (let j = 0; j < BLOCK_SIZE; j++) {
      const x = src[i + j]!;
      sum = Math.fround(sum + Math.abs(x));
      if (x >= 0) dst[at + 2 + (j >> 3)]! |= 1 << (j & 7);
    }
    writeF16(dst, at, sum / BLOCK_SIZE);
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = (src[at + 2 + (j >> 3)]! >> (j & 7)) & 1 ? d : -d;
  }
}

export const q1_0: Codec = Object.freeze({
  ...uniformFormat({
    name: "q1_0",
    about: "signs, one scale per block",
    ggmlType: 41,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 16, "signs: bit j of the 128 belongs to element j, lowest bit first, set for +d"),
    ],
    parts: (j) => [bitsPart("qs", "sign", j, 1), halfPart("d", "scale")],
  }),
  encode,
  decode,
});
