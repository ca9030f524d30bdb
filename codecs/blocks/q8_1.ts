/**
 * q8_1: 32 numbers as signed bytes with one f16 scale and their sum times that scale: what kernels of CPUs without
 * interleaved layouts take as activations. Not a format for weights in files; where one holds it all the same, it is
 * read. Value: d * q.
 */
import type { Codec } from "../codec.ts";
import { bitsPart, halfPart } from "../element-parts.ts";
import { readF16 } from "../floats/half.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 36;
const QS = 4;

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = d * ((src[at + QS + j]! << 24) >> 24);
  }
}

export const q8_1: Codec = Object.freeze({
  ...uniformFormat({
    name: "q8_1",
    about: "8-bit codes of activations, a half-precision scale per 32",
    ggmlType: 9,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      halfField("s", "scale times the sum of the codes"),
      codesField("qs", 32, "signed bytes, element j in byte j"),
    ],
    parts: (j) => [bitsPart("qs", "code", j * 8, 8), halfPart("d", "scale")],
    isForActivations: true,
  }),
  decode,
});
