/** Encoding rows of blocks of 32 whose weighted searches look at the whole row (q4_0, q4_1, q5_0, q5_1). */
import type { EncodeOptions } from "../codec.ts";
import { weighByImportance, sumOfSquares } from "../k-quants/k-groups.ts";

const BLOCK_SIZE = 32;

/**
 * Calls `encodeBlock` for each block: `row[start]` is its first weight; `errorWeights` are the factors of its squared
 * errors, importance * sqrt(mean square of the row + x * x), or undefined without importance; `block` counts all
 * blocks.
 */
export function forEachRowBlock(
  src: Float32Array,
  { rowLength, importance }: EncodeOptions,
  encodeBlock: (row: Float32Array, start: number, errorWeights: Float32Array | undefined, block: number) => void,
): void {
  const errorWeights = new Float32Array(BLOCK_SIZE);
  let block = 0;
  for (let at = 0; at < src.length; at += rowLength) {
    const row = src.subarray(at, at + rowLength);
    const meanSquare = importance === undefined ? 0 : Math.fround(sumOfSquares(row, 0, rowLength) / rowLength);
    for (let start = 0; start < rowLength; start += BLOCK_SIZE, block++) {
      if (importance !== undefined) weighByImportance(row, start, importance, meanSquare, errorWeights);
      encodeBlock(row, start, importance && errorWeights, block);
    }
  }
}
