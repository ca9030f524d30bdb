/**
 * The grid of a format: which values the codes of each weight can have, once its block has scales. It is read off the
 * format's own decoder, so that every format with `levels` has one.
 */
import type { BlockFormat } from "../../codecs/codec.ts";
import type { Algebra, BoundCodec } from "./algebra/algebra.ts";
import type { Grid } from "./algebra/round-block.ts";
import { codeBitsOf, fillCodes, type CodeBits } from "./code-bits.ts";

export interface FormatGrid {
  readonly bits: CodeBits;
  readonly grid: Grid;
  /** From what rounding calls a code (a whole number, or a place in the rising table) to the stored one. */
  readonly storedCode: (code: number) => number;
  /** Codes whose values tell offset and scale, and the level of the second. */
  readonly offsetCode: number;
  readonly scaleCode: number;
  readonly scaleLevel: number;
}

/** @throws RangeError for formats without levels */
export function formatGrid(format: BlockFormat, algebra: Algebra): FormatGrid {
  const { levels } = format;
  if (levels === undefined) throw new RangeError(`${format.name}: codes are not chosen one by one`);
  const rising = [...new Set(levels)].sort((a, b) => a - b);
  const isWhole = rising.every((level, i) => level === rising[0]! + i);
  const unit = isWhole
    ? levels.indexOf(1)
    : levels.indexOf(rising.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a)));
  const zero = levels.indexOf(0);
  const common = {
    bits: codeBitsOf(format),
    // Tables without a zero have no offset: any code will do.
    offsetCode: zero,
    scaleCode: unit,
    scaleLevel: levels[unit]!,
  };
  if (isWhole) {
    const [least, greatest] = [rising[0]!, rising.at(-1)!];
    const stored = new Map(levels.map((level, code) => [level, code]));
    return { ...common, grid: { kind: "affine", least, greatest }, storedCode: (code) => stored.get(code)! };
  }
  const table = algebra.floats(rising.length);
  table.set(rising);
  return { ...common, grid: { kind: "table", table }, storedCode: (code) => levels.indexOf(rising[code]!) };
}

/**
 * Scale and offset of each weight of encoded blocks.
 * @param blocks their codes are overwritten
 * @param scales, offsets one for each weight
 */
export function readScales(
  { bits, offsetCode, scaleCode, scaleLevel }: FormatGrid,
  codec: BoundCodec,
  blocks: Uint8Array,
  scales: Float32Array,
  offsets: Float32Array,
): void {
  if (offsetCode < 0) offsets.fill(0);
  else {
    fillCodes(bits, offsetCode, blocks);
    codec.decode(blocks, offsets);
  }
  fillCodes(bits, scaleCode, blocks);
  codec.decode(blocks, scales);
  for (let i = 0; i < scales.length; i++) {
    scales[i] = Math.fround(Math.fround(scales[i]! - offsets[i]!) / scaleLevel);
  }
}
