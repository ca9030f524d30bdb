/**
 * Which bits of a row-major block belong to one of its weights: codes, and the scales, minima and table numbers that
 * apply to it. Said once per format (`BlockFormat.parts`); the inspector and `locate` read it through any layout.
 */
import type { BlockFormat, ElementPart } from "../codecs/codec.ts";
import { bitsPart } from "../codecs/element-parts.ts";

/**
 * The bits of weight `column` of a block.
 * @param column 0 to `format.blockSize - 1`
 * @throws RangeError when the column lies outside the block
 */
export function elementParts(format: BlockFormat, column: number): readonly ElementPart[] {
  if (!Number.isInteger(column) || column < 0 || column >= format.blockSize)
    throw new RangeError(`${format.name}: weight ${column} of a block, expected 0 to ${format.blockSize - 1}`);
  if (format.parts !== undefined) return format.parts(column);
  return format.fields.map(({ name, bytes, role }) =>
    bitsPart(name, role === "codes" ? "code" : "scale", 0, bytes * 8),
  );
}
