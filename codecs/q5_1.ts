/**
 * q5_1: 32 weights as 5-bit codes with an f16 scale and an f16 minimum.
 *
 * Without importance: m = min x, d = (max x - m) / 31, q = min(31, trunc((x - m) * (1/d) + 0.5)). With importance: d, m <= 0
 * and q by weighted regression, see `searchScaleAndMin`, weighted with importance * sqrt(mean square of the row + x * x).
 * Value: d * q + m, rounded after the product and after the sum.
 */
import type { Codec, EncodeOptions } from "./codec.ts";
import { readF16, writeF16 } from "./half.ts";
import { weightedSearch } from "./k-groups.ts";
import { searchScaleAndMin } from "./k-search.ts";
import { addFifthBits, readNibbles, writeFifthBits, writeNibbles } from "./nibbles.ts";
import { roundFromMin } from "./min-max.ts";
import { forEachRowBlock } from "./row-blocks.ts";
import { codesField, scaleField, uniformFormat } from "./uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 32;
const BLOCK_BYTES = 24;
const SEARCH = weightedSearch(31);

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  const codes = new Uint8Array(BLOCK_SIZE);
  const scale = new Float32Array(1);
  const minimum = new Float32Array(1);
  forEachRowBlock(src, options, (row, start, weights, block) => {
    const at = block * BLOCK_BYTES;
    if (weights) searchScaleAndMin(row, start, BLOCK_SIZE, weights, SEARCH, codes, 0, scale, minimum, 0);
    else roundFromMin(row, start, 31, codes, scale, minimum);
    writeF16(dst, at, scale[0]!);
    writeF16(dst, at + 2, -minimum[0]!);
    writeFifthBits(dst, at + 4, codes);
    writeNibbles(dst, at + 8, codes);
  });
}

function decode(src: Uint8Array, dst: Float32Array): void {
  const codes = new Uint8Array(BLOCK_SIZE);
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    const m = readF16(src, at + 2);
    readNibbles(src, at + 8, codes);
    addFifthBits(src, at + 4, codes);
    for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = fround(d * codes[j]!) + m;
  }
}

export const q5_1: Codec = Object.freeze({
  ...uniformFormat("q5_1", 7, BLOCK_SIZE, [
    scaleField("d", 2, "scale, f16"),
    scaleField("m", 2, "minimum, f16"),
    codesField("qh", 4, "fifth bits: bit j of the little-endian word belongs to element j"),
    codesField("qs", 16, "low four bits of codes: byte j has element j low, element j + 16 high"),
  ]),
  encode,
  decode,
});
