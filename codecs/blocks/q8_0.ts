/**
 * q8_0: 32 weights as signed bytes with one f16 scale.
 *
 * d = max|x| / 127, q = round(x * (1/d)) with halves away from zero, stored d rounded to f16. Value: d * q.
 * Each operation is rounded to f32, and `1/d` is taken of the unrounded d. Importance is not used.
 */
import { signedLevels } from "../code-levels.ts";
import type { Codec } from "../codec.ts";
import { bitsPart, halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { roundHalfAway, truncateToInt } from "../x86.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 32;
const BLOCK_BYTES = 34;

function encode(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    let largest = 0;
    for (let j = 0; j < BLOCK_SIZE; j++) {
      const magnitude = Math.abs(src[i + j]!);
      // Written so that a NaN is forgotten by the next weight, as in C's (a > b ? a : b).
      largest = largest > magnitude ? largest : magnitude;
    }
    const d = fround(largest / 127);
    const inverse = d !== 0 ? fround(1 / d) : 0;
    writeF16(dst, at, d);
    for (let j = 0; j < BLOCK_SIZE; j++) {
      dst[at + 2 + j] = truncateToInt(roundHalfAway(fround(src[i + j]! * inverse)));
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = d * ((src[at + 2 + j]! << 24) >> 24);
  }
}

export const q8_0: Codec = Object.freeze({
  ...uniformFormat({
    name: "q8_0",
    about: "8-bit codes, a half-precision scale per 32",
    ggmlType: 8,
    blockSize: BLOCK_SIZE,
    fields: [halfField("d", "scale"), codesField("qs", 32, "signed bytes, element j in byte j")],
    levels: signedLevels(8),
    parts: (j) => [bitsPart("qs", "code", j * 8, 8), halfPart("d", "scale")],
  }),
  encode,
  decode,
});
