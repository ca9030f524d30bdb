/**
 * From names to layouts: which ones a block format has, and how each deals the format's fields.
 */
import type { BlockFormat } from "../codecs/codec.ts";
import { CATALOGUE, codebookLine, type CatalogueLine, type FieldRule } from "./catalogue.ts";
import { ROW_MULTIPLE, type FieldLayout, type Layout } from "./layout.ts";

/** Every layout name, `rows` first, then by rows and chunk. */
export const LAYOUT_NAMES: readonly string[] = ["rows", "4x4", "4x8", "8x4", "8x8", "16x1"];

/** The shape that a layout's name says. */
export interface LayoutShape {
  readonly rowsPerGroup: number;
  /** Bytes of codes that are dealt from one row at a time. */
  readonly chunk: number;
}

/** @throws RangeError for a shape whose groups do not divide `ROW_MULTIPLE` rows */
export function parseShape(name: string): LayoutShape {
  const [rowsPerGroup, chunk] = name.split("x").map(Number) as [number, number];
  if (ROW_MULTIPLE % rowsPerGroup !== 0) {
    throw new RangeError(`layout ${name}: ${ROW_MULTIPLE} rows, at which work is cut, are not whole groups of it`);
  }
  return { rowsPerGroup, chunk };
}

const SHAPES: ReadonlyMap<string, LayoutShape> = new Map(
  LAYOUT_NAMES.filter((name) => name !== "rows").map((name) => [name, parseShape(name)]),
);

for (const { format, shapes } of CATALOGUE) {
  const unknown = shapes.find((name) => !SHAPES.has(name));
  if (unknown !== undefined) throw new RangeError(`${format}: layout ${unknown} is not among LAYOUT_NAMES`);
}

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

function fieldLayout(format: BlockFormat, rule: FieldRule, shapeChunk: number): FieldLayout {
  const place = offsetsOf(format).get(rule.field);
  if (place === undefined) throw new RangeError(`${format.name} has no field "${rule.field}"`);
  // A field shorter than the shape's chunk is dealt whole (the four bytes of high bits in an x8 layout).
  const wanted = rule.chunk === "dealt" ? Math.min(shapeChunk, place.bytes) : rule.chunk;
  const chunk = wanted === "whole" ? place.bytes : wanted;
  if (place.bytes % chunk !== 0) throw new RangeError(`${format.name}.${rule.field} does not divide by ${chunk} bytes`);
  const field = { field: rule.field, ...place, chunk, xor: rule.xor ?? 0 };
  return rule.special === undefined ? field : { ...field, special: rule.special };
}

function rowMajor(format: BlockFormat): Layout {
  const fields = format.fields.map(({ name }) => fieldLayout(format, { field: name, chunk: "whole" }, 0));
  return { name: "rows", format, rowsPerGroup: 1, fields };
}

/**
 * A format's layout of that name.
 * @param name one of `LAYOUT_NAMES`
 * @returns undefined when the format does not come in that layout
 */
export function findLayout(format: BlockFormat, name: string): Layout | undefined {
  if (name === "rows") return rowMajor(format);
  const shape = SHAPES.get(name);
  const line = linesOf(format).find(({ shapes }) => shapes.includes(name));
  if (shape === undefined || line === undefined) return undefined;
  const { rowsPerGroup, chunk } = shape;
  return { name, format, rowsPerGroup, fields: line.fields.map((rule) => fieldLayout(format, rule, chunk)) };
}

/** All layouts of a format, `rows` first, in the order of `LAYOUT_NAMES`. */
export function layoutsOf(format: BlockFormat): readonly Layout[] {
  return LAYOUT_NAMES.map((name) => findLayout(format, name)).filter((layout) => layout !== undefined);
}
