/**
 * q4_0: 32 weights as 4-bit codes with one f16 scale.
 *
 * Without importance: d = x_max / -8, x_max being the first weight of largest magnitude, q = min(15, trunc(x / d + 8.5))
 * with x / d taken as x * (1/d). With importance: scale and codes by least squares, see `x-search.ts`, weighted with
 * importance * sqrt(mean square of the row + x * x). Value: d * (q - 8), d rounded to f16.
 */
import { withBlockBytes } from "./codec.ts";
import type { Codec, EncodeOptions } from "./codec.ts";
import { readF16, writeF16 } from "./half.ts";
import { truncateToInt8 } from "./x86.ts";
import { importanceWeights, searchSymmetric, sumOfSquares } from "./x-search.ts";

const fround = Math.fround;
const BLOCK_SIZE = 32;
const BLOCK_BYTES = 18;

function encode(src: Float32Array, dst: Uint8Array, { rowLength, importance }: EncodeOptions): void {
  if (importance !== undefined) return encodeWeighted(src, dst, rowLength, importance);
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    let largest = 0;
    let extreme = 0;
    for (let j = 0; j < BLOCK_SIZE; j++) {
      const magnitude = Math.abs(src[i + j]!);
      if (largest < magnitude) {
        largest = magnitude;
        extreme = src[i + j]!;
      }
    }
    const d = fround(extreme / -8);
    const inverse = d !== 0 ? fround(1 / d) : 0;
    writeF16(dst, at, d);
    for (let j = 0; j < 16; j++) dst[at + 2 + j] = code(src[i + j]!, inverse) | (code(src[i + 16 + j]!, inverse) << 4);
  }
}

function code(x: number, inverse: number): number {
  return Math.min(15, truncateToInt8(fround(fround(x * inverse) + 8.5)));
}

function encodeWeighted(src: Float32Array, dst: Uint8Array, rowLength: number, importance: Float32Array): void {
  const weights = new Float32Array(BLOCK_SIZE);
  const codes = new Uint8Array(BLOCK_SIZE);
  let at = 0;
  for (let row = 0; row < src.length; row += rowLength) {
    const sigma2 = fround(sumOfSquares(src, row, rowLength) / rowLength);
    for (let column = 0; column < rowLength; column += BLOCK_SIZE, at += BLOCK_BYTES) {
      importanceWeights(src, row + column, importance, column, sigma2, weights);
      writeF16(dst, at, searchSymmetric(src, row + column, 8, weights, codes));
      for (let j = 0; j < 16; j++) dst[at + 2 + j] = codes[j]! | (codes[j + 16]! << 4);
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = readF16(src, at);
    for (let j = 0; j < 16; j++) {
      const pair = src[at + 2 + j]!;
      dst[i + j] = d * ((pair & 15) - 8);
      dst[i + 16 + j] = d * ((pair >> 4) - 8);
    }
  }
}

export const q4_0: Codec = Object.freeze({
  ...withBlockBytes({
    name: "q4_0",
    kind: "uniform" as const,
    ggmlType: 2,
    blockSize: BLOCK_SIZE,
    fields: [
      { name: "d", bytes: 2, role: "scale" as const, meaning: "scale, f16" },
      { name: "qs", bytes: 16, role: "codes" as const, meaning: "byte j: element j low, element j + 16 high, plus 8" },
    ],
  }),
  encode,
  decode,
});
