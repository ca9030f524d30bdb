/**
 * Blocks of 32 weights as codes of four or five bits with an f16 scale and an f16 minimum: q4_1 and q5_1. With the
 * largest code k, 15 or 31:
 *
 * Without importance: m = min x, d = (max x - m) / k, q = min(k, trunc((x - m) * (1/d) + 0.5)), each operation rounded to
 * f32. With importance: d, m <= 0 and q by weighted regression, see `searchScaleAndMin`, weighted with
 * importance * sqrt(mean square of the row + x * x). Value: d * q + m, rounded after the product and after the sum.
 */
import { consecutiveLevels } from "../code-levels.ts";
import type { BlockFormat, Codec, EncodeOptions, Field } from "../codec.ts";
import { halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { weightedSearch } from "../k-quants/k-groups.ts";
import { searchScaleAndMin } from "../k-quants/k-search.ts";
import { addFifthBits, codeParts, fifthBitsField, readNibbles, writeFifthBits, writeNibbles } from "./nibbles.ts";
import { forEachRowBlock } from "./row-blocks.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";
import { truncateToInt8 } from "../x86.ts";

const fround = Math.fround;
const LARGEST_F32 = fround(3.4028234663852886e38);
const BLOCK_SIZE = 32;
const AFTER_SCALES = 4;

/**
 * The way without importance. 1/0 counts as 0; NaN is neither minimum nor maximum.
 * @param scale receives d
 * @param minimum receives -m
 */
function roundFromMin(
  x: Float32Array,
  start: number,
  maxCode: number,
  codes: Uint8Array,
  scale: Float32Array,
  minimum: Float32Array,
): void {
  let min = LARGEST_F32;
  let max = -LARGEST_F32;
  for (let j = start; j < start + BLOCK_SIZE; j++) {
    if (x[j]! < min) min = x[j]!;
    if (x[j]! > max) max = x[j]!;
  }
  const d = fround(fround(max - min) / maxCode);
  const inverse = d !== 0 ? fround(1 / d) : 0;
  for (let j = 0; j < BLOCK_SIZE; j++) {
    const level = fround(fround(fround(x[start + j]! - min) * inverse) + 0.5);
    codes[j] = Math.min(maxCode, truncateToInt8(level));
  }
  scale[0] = d;
  minimum[0] = -min;
}

/** What tells one codec of this family from another. */
export interface MinBlocks extends Pick<BlockFormat, "name" | "about" | "ggmlType"> {
  readonly bits: 4 | 5;
}

/** The codec of these facts. */
export function minBlocks({ bits, ...facts }: MinBlocks): Codec {
  const maxCode = 2 ** bits - 1;
  const search = weightedSearch(maxCode);
  const hasFifth = bits === 5;
  const nibblesAt = hasFifth ? AFTER_SCALES + 4 : AFTER_SCALES;
  const codesMeaning = `${hasFifth ? "low four bits of " : ""}codes: byte j has element j low, element j + 16 high`;
  const codesFields: readonly Field[] = [codesField("qs", 16, codesMeaning)];
  const format = uniformFormat({
    ...facts,
    blockSize: BLOCK_SIZE,
    fields: [
      halfField("d", "scale"),
      halfField("m", "minimum"),
      ...(hasFifth ? [fifthBitsField, ...codesFields] : codesFields),
    ],
    levels: consecutiveLevels(hasFifth ? 5 : 4, 0),
    parts: (j) => [...codeParts(j, hasFifth), halfPart("d", "scale"), halfPart("m", "minimum")],
  });
  const { blockBytes } = format;

  function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
    const codes = new Uint8Array(BLOCK_SIZE);
    const scale = new Float32Array(1);
    const minimum = new Float32Array(1);
    forEachRowBlock(src, options, (row, start, errorWeights, block) => {
      const at = block * blockBytes;
      if (errorWeights) searchScaleAndMin(row, start, BLOCK_SIZE, errorWeights, search, codes, 0, scale, minimum, 0);
      else roundFromMin(row, start, maxCode, codes, scale, minimum);
      writeF16(dst, at, scale[0]!);
      writeF16(dst, at + 2, -minimum[0]!);
      if (hasFifth) writeFifthBits(dst, at + AFTER_SCALES, codes);
      writeNibbles(dst, at + nibblesAt, codes);
    });
  }

  function decode(src: Uint8Array, dst: Float32Array): void {
    const codes = new Uint8Array(BLOCK_SIZE);
    for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += blockBytes) {
      const d = readF16(src, at);
      const m = readF16(src, at + 2);
      readNibbles(src, at + nibblesAt, codes);
      if (hasFifth) addFifthBits(src, at + AFTER_SCALES, codes);
      for (let j = 0; j < BLOCK_SIZE; j++) dst[i + j] = fround(d * codes[j]!) + m;
    }
  }

  return Object.freeze({ ...format, encode, decode });
}
