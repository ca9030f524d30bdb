/**
 * q4_0: 32 weights as 4-bit codes with one f16 scale.
 *
 * Without importance: d = x_max / -8, x_max being the first weight of largest magnitude, q = min(15, trunc(x * (1/d) + 8.5)).
 * With importance: d and q by least squares, see `searchSignedScale`, weighted with importance * sqrt(mean square of the
 * row + x * x). Value: d * (q - 8), d rounded to f16.
 */
import type { Codec, EncodeOptions } from "./codec.ts";
import { readF16, writeF16 } from "./half.ts";
import { indexOfLargest, searchSignedScale } from "./k-search.ts";
import { readNibbles, writeNibbles } from "./nibbles.ts";
import { forEachRowBlock } from "./row-blocks.ts";
import { codesField, scaleField, uniformFormat } from "./uniform-format.ts";
import { truncateToInt8 } from "./x86.ts";

const fround = Math.fround;
const BLOCK_SIZE = 32;
const BLOCK_BYTES = 18;

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  const codes = new Uint8Array(BLOCK_SIZE);
  forEachRowBlock(src, options, (row, start, weights, block) => {
    const at = block * BLOCK_BYTES;
    const d = weights
      ? searchSignedScale(row, start, BLOCK_SIZE, 8, weights, 0, codes, 0)
      : roundToExtreme(row, start, codes);
    writeF16(dst, at, d);
    writeNibbles(dst, at + 2, codes);
  });
}

function roundToExtreme(x: Float32Array, start: number, codes: Uint8Array): number {
  const largest = indexOfLargest(x, start, BLOCK_SIZE);
  const d = fround((largest < 0 ? 0 : x[largest]!) / -8);
  const inverse = d !== 0 ? fround(1 / d) : 0;
  for (let j = 0; j < BLOCK_SIZE; j++) {
    codes[j] = Math.min(15, truncateToInt8(fround(fround(x[start + j]! * inverse) + 8.5)));
  }
  return d;
}

function decode(src: Uint8Array, dst: Float32Array): void {
  const codes = new Uint8Array(BLOCK_SIZE);
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    readNibbles(src, at + 2, codes);
    for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = d * (codes[j]! - 8);
  }
}

export const q4_0: Codec = Object.freeze({
  ...uniformFormat("q4_0", 2, BLOCK_SIZE, [
    scaleField("d", 2, "scale, f16"),
    codesField("qs", 16, "codes plus 8: byte j has element j low, element j + 16 high"),
  ]),
  encode,
  decode,
});
