/**
 * Where the codes of a codebook block lie. Whatever the code's width, a group is cut into spans of 32 weights, and
 * every field of codes holds one part per span, one after the other:
 *
 *   4-bit codes of weights   qs: 16 bytes a span, byte j holds code j low and code j+16 high (as Q4_0)
 *   5-bit codes of weights   qs: the low nibbles as above; qh: 4 bytes a span, bit j (little-endian) is bit 4 of code j
 *   3-bit codes of weights   ql: 8 bytes a span, byte j holds the low bit pairs of codes j, j+8, j+16, j+24, lowest
 *                            first; qh: 4 bytes a span, bit j (little-endian) is bit 2 of code j
 *   4-bit codes of pairs     qs: 8 bytes a span, byte j holds code j low and code j+8 high; code j is weights 2j, 2j+1
 *   6-bit codes of pairs     ql: the low nibbles as above; qh: 4 bytes a span, bits 2j and 2j+1 are bits 4, 5 of code j
 */
import type { ElementPart, Field } from "../codec.ts";
import { bitsPart, nibblePart } from "../element-parts.ts";

/** The width of a code, and how many neighbouring weights it stands for. */
export interface CodeShape {
  /** Bits per code: 3, 4 or 5 for single weights, 4 or 6 for pairs. */
  readonly codeBits: number;
  /** Weights per code: 1, or 2 for points of the plane. */
  readonly dimension: 1 | 2;
}

const SPAN = 32;

/** The fields of codes of a block of `blockSize` weights, in order. */
export function codeFields({ codeBits, dimension }: CodeShape, blockSize: number): readonly Field[] {
  const spans = blockSize / SPAN;
  const what = dimension === 2 ? "pairs of neighbouring weights" : "weights";
  const each = spans === 1 ? "" : `, ${spans} spans of 32 weights one after the other`;
  const half = SPAN / dimension / 2;
  const nibbles = `byte j holds code j low and code j+${half} high${each}`;
  if (codeBits === 4) {
    return [{ name: "qs", bytes: half * spans, role: "codes", meaning: `4-bit codes of ${what}: ${nibbles}` }];
  }
  if (codeBits === 3 && dimension === 1) {
    return [
      {
        name: "ql",
        bytes: 8 * spans,
        role: "codes",
        meaning: `low bit pairs of the codes: byte j holds codes j, j+8, j+16, j+24, lowest bits first${each}`,
      },
      { name: "qh", bytes: 4 * spans, role: "codes", meaning: `bit j (little-endian) is bit 2 of code j${each}` },
    ];
  }
  const low: Field = {
    name: dimension === 2 ? "ql" : "qs",
    bytes: half * spans,
    role: "codes",
    meaning: `low nibbles of the codes of ${what}: ${nibbles}`,
  };
  if (codeBits === 5 && dimension === 1) {
    const meaning = `bit j (little-endian) is bit 4 of code j${each}`;
    return [low, { name: "qh", bytes: 4 * spans, role: "codes", meaning }];
  }
  if (codeBits === 6 && dimension === 2) {
    const meaning = `bits 2j and 2j+1 (little-endian) are bits 4 and 5 of code j${each}`;
    return [low, { name: "qh", bytes: 4 * spans, role: "codes", meaning }];
  }
  throw new RangeError(`no code layout for ${codeBits} bits and ${dimension} weights a code`);
}

/**
 * Reads the codes of one block.
 * @param src bytes that hold the block's code fields from `offset` on
 * @param codes receives `blockSize / dimension` codes
 */
export function unpackCodes(
  { codeBits, dimension }: CodeShape,
  blockSize: number,
  src: Uint8Array,
  offset: number,
  codes: Uint8Array,
): void {
  const spans = blockSize / SPAN;
  const count = SPAN / dimension;
  const half = count / 2;
  const lowBytes = codeBits === 3 ? 8 : half;
  const highOffset = offset + spans * lowBytes;
  for (let span = 0; span < spans; span++) {
    const low = offset + span * lowBytes;
    const out = span * count;
    if (codeBits === 3) {
      for (let j = 0; j < SPAN; j++) codes[out + j] = (src[low + (j & 7)]! >> ((j >> 3) * 2)) & 3;
    } else {
      for (let j = 0; j < half; j++) {
        codes[out + j] = src[low + j]! & 15;
        codes[out + half + j] = src[low + j]! >> 4;
      }
    }
    if (codeBits === 4) continue;
    const high = highOffset + span * 4;
    for (let j = 0; j < count; j++) {
      if (dimension === 2) codes[out + j]! |= ((src[high + (j >> 2)]! >> ((j & 3) * 2)) & 3) << 4;
      else codes[out + j]! |= ((src[high + (j >> 3)]! >> (j & 7)) & 1) << (codeBits - 1);
    }
  }
}

/** Writes the codes of one block: the inverse of `unpackCodes`. Every byte of the code fields is written. */
export function packCodes(
  { codeBits, dimension }: CodeShape,
  blockSize: number,
  codes: Uint8Array,
  dst: Uint8Array,
  offset: number,
): void {
  const spans = blockSize / SPAN;
  const count = SPAN / dimension;
  const half = count / 2;
  const lowBytes = codeBits === 3 ? 8 : half;
  const highOffset = offset + spans * lowBytes;
  for (let span = 0; span < spans; span++) {
    const low = offset + span * lowBytes;
    const from = span * count;
    if (codeBits === 3) {
      for (let j = 0; j < 8; j++) {
        const at = from + j;
        dst[low + j] =
          (codes[at]! & 3) | ((codes[at + 8]! & 3) << 2) | ((codes[at + 16]! & 3) << 4) | ((codes[at + 24]! & 3) << 6);
      }
    } else {
      for (let j = 0; j < half; j++) dst[low + j] = (codes[from + j]! & 15) | ((codes[from + half + j]! & 15) << 4);
    }
    if (codeBits === 4) continue;
    const high = highOffset + span * 4;
    for (let byte = 0; byte < 4; byte++) {
      let bits = 0;
      if (dimension === 2) for (let k = 0; k < 4; k++) bits |= (codes[from + byte * 4 + k]! >> 4) << (2 * k);
      else for (let k = 0; k < 8; k++) bits |= (codes[from + byte * 8 + k]! >> (codeBits - 1)) << k;
      dst[high + byte] = bits;
    }
  }
}

/** Where the code of weight `column` lies, and the group's numbers of scale level and table. */
export function codebookParts({ codeBits, dimension }: CodeShape, column: number): readonly ElementPart[] {
  const [low, high] = codeFields({ codeBits, dimension }, SPAN).map(({ name }) => name);
  const code = Math.floor(column / dimension);
  const which = dimension === 1 ? "" : ` of a pair, ${column % 2 === 0 ? "first" : "second"} weight`;
  const label = (high === undefined ? "code" : "low bits") + which;
  return [
    codeBits === 3
      ? bitsPart(low!, label, ((column >> 5) * 8 + (column & 7)) * 8 + ((column & 31) >> 3) * 2, 2)
      : nibblePart(low!, code, SPAN / dimension / 2, label),
    ...(high === undefined ? [] : [bitsPart(high, "high bits" + which, code * dimension, dimension)]),
    bitsPart("s", "scale level", 0, 8),
    bitsPart("t", "table", 0, 8),
  ];
}
