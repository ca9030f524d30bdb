/**
 * From names to weaves: which layouts a block format has, and how each one deals the format's fields.
 */
import type { BlockFormat } from "../codecs/codec.ts";
import { CATALOGUE, codebookLine, type CatalogueLine, type FieldRule } from "./catalogue.ts";
import type { FieldWeave, Weave } from "./layout.ts";

/** Every layout name, `rows` first, then by rows and chunk. */
export const LAYOUT_NAMES: readonly string[] = ["rows", "4x4", "4x8", "8x4", "8x8", "16x1"];

function linesOf(format: BlockFormat): readonly CatalogueLine[] {
  if (format.kind === "codebook") return [codebookLine(format)];
  return CATALOGUE.filter((line) => line.format === format.name);
}

/** Fields of the row-major block with their offsets. */
function offsetsOf(format: BlockFormat): Map<string, { byteOffset: number; bytes: number }> {
  let byteOffset = 0;
  return new Map(
    format.fields.map(({ name, bytes }) => {
      const entry = [name, { byteOffset, bytes }] as const;
      byteOffset += bytes;
      return entry;
    }),
  );
}

function weaveField(format: BlockFormat, rule: FieldRule, shapeChunk: number): FieldWeave {
  const place = offsetsOf(format).get(rule.field);
  if (place === undefined) throw new RangeError(`${format.name} has no field "${rule.field}"`);
  // A field shorter than the shape's chunk is dealt whole (the four bytes of high bits in an x8 layout).
  const wanted = rule.chunk === "dealt" ? Math.min(shapeChunk, place.bytes) : rule.chunk;
  const chunk = wanted === "whole" ? place.bytes : wanted;
  if (place.bytes % chunk !== 0) throw new RangeError(`${format.name}.${rule.field} does not divide by ${chunk} bytes`);
  const weave = { field: rule.field, ...place, chunk, xor: rule.xor ?? 0 };
  return rule.special === undefined ? weave : { ...weave, special: rule.special };
}

function rowMajor(format: BlockFormat): Weave {
  const fields = format.fields.map(({ name }) => weaveField(format, { field: name, chunk: "whole" }, 0));
  return { layout: "rows", format, rowsPerGroup: 1, fields };
}

/**
 * How a format is woven in a layout.
 * @param layout a name of `LAYOUT_NAMES`
 * @returns undefined when the format does not come in that layout
 */
export function findWeave(format: BlockFormat, layout: string): Weave | undefined {
  if (layout === "rows") return rowMajor(format);
  const line = linesOf(format).find(({ shapes }) => shapes.includes(layout));
  if (line === undefined) return undefined;
  const [rowsPerGroup, chunk] = layout.split("x").map(Number) as [number, number];
  return { layout, format, rowsPerGroup, fields: line.fields.map((rule) => weaveField(format, rule, chunk)) };
}

/** All weaves of a format, `rows` first, in the order of `LAYOUT_NAMES`. */
export function weavesOf(format: BlockFormat): readonly Weave[] {
  return LAYOUT_NAMES.map((layout) => findWeave(format, layout)).filter((weave) => weave !== undefined);
}
