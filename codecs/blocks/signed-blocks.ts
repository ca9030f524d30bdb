/**
 * Blocks of 32 weights as signed codes of four or five bits with one f16 scale: q4_0 and q5_0. With h half of the
 * codes, 8 or 16:
 *
 * Without importance: d = x_max / -h, x_max being the first weight of largest magnitude,
 * q = min(2h - 1, trunc(x * (1/d) + h + 0.5)). With importance: d and q by least squares, see `searchSignedScale`, weighted
 * with importance * sqrt(mean square of the row + x * x). Value: d * (q - h), d rounded to f16.
 */
import { consecutiveLevels } from "../code-levels.ts";
import type { BlockFormat, Codec, EncodeOptions, Field } from "../codec.ts";
import { halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { indexOfLargest, searchSignedScale } from "../k-quants/k-search.ts";
import { addFifthBits, codeParts, fifthBitsField, readNibbles, writeFifthBits, writeNibbles } from "./nibbles.ts";
import { forEachRowBlock } from "./row-blocks.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";
import { truncateToInt8 } from "../x86.ts";

const fround = Math.fround;
const BLOCK_SIZE = 32;
const AFTER_SCALE = 2;

function roundToExtreme(x: Float32Array, start: number, half: number, codes: Uint8Array): number {
  const largest = indexOfLargest(x, start, BLOCK_SIZE);
  const d = fround((largest < 0 ? 0 : x[largest]!) / -half);
  const inverse = d !== 0 ? fround(1 / d) : 0;
  for (let j = 0; j < BLOCK_SIZE; j++) {
    codes[j] = Math.min(2 * half - 1, truncateToInt8(fround(fround(x[start + j]! * inverse) + (half + 0.5))));
  }
  return d;
}

/** What tells one codec of this family from another. */
export interface SignedBlocks extends Pick<BlockFormat, "name" | "about" | "ggmlType"> {
  readonly bits: 4 | 5;
}

/** The codec of these facts. */
export function signedBlocks({ bits, ...facts }: SignedBlocks): Codec {
  const half = 2 ** (bits - 1);
  const hasFifth = bits === 5;
  const nibblesAt = hasFifth ? AFTER_SCALE + 4 : AFTER_SCALE;
  const codesMeaning = `${hasFifth ? "low four bits of " : ""}codes plus ${half}: byte j has element j low, element j + 16 high`;
  const codesFields: readonly Field[] = [codesField("qs", 16, codesMeaning)];
  const format = uniformFormat({
    ...facts,
    blockSize: BLOCK_SIZE,
    fields: [halfField("d", "scale"), ...(hasFifth ? [fifthBitsField, ...codesFields] : codesFields)],
    levels: consecutiveLevels(bits, -half),
    parts: (j) => [...codeParts(j, hasFifth), halfPart("d", "scale")],
  });
  const { blockBytes } = format;

  function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
    const codes = new Uint8Array(BLOCK_SIZE);
    forEachRowBlock(src, options, (row, start, errorWeights, block) => {
      const at = block * blockBytes;
      const d = errorWeights
        ? searchSignedScale(row, start, BLOCK_SIZE, half, errorWeights, 0, codes, 0)
        : roundToExtreme(row, start, half, codes);
      writeF16(dst, at, d);
      if (hasFifth) writeFifthBits(dst, at + AFTER_SCALE, codes);
      writeNibbles(dst, at + nibblesAt, codes);
    });
  }

  function decode(src: Uint8Array, dst: Float32Array): void {
    const codes = new Uint8Array(BLOCK_SIZE);
    for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += blockBytes) {
      const d = readF16(src, at);
      readNibbles(src, at + nibblesAt, codes);
      if (hasFifth) addFifthBits(src, at + AFTER_SCALE, codes);
      for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = d * (codes[j]! - half);
    }
  }

  return Object.freeze({ ...format, encode, decode });
}
