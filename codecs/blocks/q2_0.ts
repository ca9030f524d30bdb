/**
 * q2_0: 64 weights as 2-bit codes with one f16 scale.
 *
 * d = max|x|, q = round(x * (1/d)) + 1 in [0, 3], halves away from zero; so 3 never comes from the encoder.
 * Value: d * (q - 1).
 */
import type { Codec } from "../codec.ts";
import { bitsPart, halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";
import { roundHalfAway, truncateToInt } from "../x86.ts";

const fround = Math.fround;
const BLOCK_SIZE = 64;
const BLOCK_BYTES = 18;

function encode(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    let d = 0;
    for (let j = i; j < i + BLOCK_SIZE; j++) {
      const magnitude = Math.abs(src[j]!);
      if (magnitude > d) d = magnitude;
    }
    const inverse = d > 0 ? fround(1 / d) : 0;
    writeF16(dst, at, d);
    dst.fill(0, at + 2, at + BLOCK_BYTES);
    for (let j = 0; j < BLOCK_SIZE; j++) {
      const q = truncateToInt(roundHalfAway(fround(src[i + j]! * inverse))) + 1;
      dst[at + 2 + (j >> 2)]! |= Math.max(0, Math.min(3, q)) << (2 * (j & 3));
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = d * (((src[at + 2 + (j >> 2)]! >> (2 * (j & 3))) & 3) - 1);
  }
}

export const q2_0: Codec = Object.freeze({
  ...uniformFormat({
    name: "q2_0",
    about: "2-bit codes, one scale per block",
    ggmlType: 42,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 16, "two bits each: byte j has elements 4j to 4j + 3, lowest bits first"),
    ],
    parts: (j) => [bitsPart("qs", "code", j * 2, 2), halfPart("d", "scale")],
    fallback: "q4_0",
  }),
  encode,
  decode,
});
