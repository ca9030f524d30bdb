/**
 * iq4_nl: 32 weights as indices of 16 fixed levels with one f16 scale.
 *
 * Scale by search, see `iq4-search.ts`; error weights: x * x, or importance * sqrt(2 * mean square of the block
 * + x * x). Codes: the level nearest to x * (1/d), d not yet rounded. Value: d * level.
 */
import type { Codec, EncodeOptions } from "../codec.ts";
import { halfPart, nibblePart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { IQ4_LEVELS, nearestLevel, searchLevelScale, weighBySquares } from "./iq4-search.ts";
import { weighByImportance, sumOfSquares } from "../k-quants/k-groups.ts";
import { writeNibbles } from "../blocks/nibbles.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 32;
const BLOCK_BYTES = 18;

function encode(src: Float32Array, dst: Uint8Array, { rowLength, importance }: EncodeOptions): void {
  const errorWeights = new Float32Array(BLOCK_SIZE);
  const codes = new Uint8Array(BLOCK_SIZE);
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const x = src.subarray(i, i + BLOCK_SIZE);
    if (importance === undefined) {
      weighBySquares(x, 0, errorWeights);
    } else {
      const spread = fround(sumOfSquares(x, 0, BLOCK_SIZE) * (2 / BLOCK_SIZE));
      const column = i % rowLength;
      weighByImportance(x, 0, importance.subarray(column, column + BLOCK_SIZE), spread, errorWeights);
    }
    const d = searchLevelScale(x, 0, errorWeights);
    const inverse = d !== 0 ? fround(1 / d) : 0;
    for (let j = 0; j < BLOCK_SIZE; j++) codes[j] = nearestLevel(fround(inverse * x[j]!));
    writeF16(dst, at, d);
    writeNibbles(dst, at + 2, codes);
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let j = 0; j < 16; j++) {
      dst[i + j] = d * IQ4_LEVELS[src[at + 2 + j]! & 15]!;
      dst[i + 16 + j] = d * IQ4_LEVELS[src[at + 2 + j]! >> 4]!;
    }
  }
}

export const iq4_nl: Codec = Object.freeze({
  ...uniformFormat({
    name: "iq4_nl",
    about: "16 fixed uneven levels, a half-precision scale per 32",
    ggmlType: 20,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      codesField("qs", 16, "indices of levels: byte j has element j low, element j + 16 high"),
    ],
    levels: Array.from(IQ4_LEVELS),
    parts: (j) => [nibblePart("qs", j, 16), halfPart("d", "scale")],
  }),
  encode,
  decode,
});
