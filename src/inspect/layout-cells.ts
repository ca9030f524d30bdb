/**
 * An interleaved block cut into cells: runs of bytes that belong to one row and one field. What the drawings are made
 * of.
 */
import { elementParts } from "../../layouts/element-bits.ts";
import type { FieldLayout, Layout } from "../../layouts/layout.ts";

/** Neighbouring bytes of one row in an interleaved block. */
export interface LayoutCell {
  readonly field: string;
  /** Row within the group; undefined where the bits of all rows are mixed (6-bit scales). */
  readonly row: number | undefined;
  /** From the start of the interleaved block. */
  readonly byteOffset: number;
  readonly bytes: number;
}

/** The cells of one chunk of a field, one per row: what each row's turn holds. */
export interface LayoutTurn {
  readonly field: string;
  readonly xor: number;
  readonly cells: readonly LayoutCell[];
  /** In words: `weights 0-7, 16-23`, `scale`. */
  readonly content: string;
}

/** `0-7, 16-23` of ascending numbers. */
function rangesText(numbers: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const n of numbers) {
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === n - 1) last[1] = n;
    else ranges.push([n, n]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(", ");
}

/** What bytes [start, end) of a row-major field say. */
function contentOf(layout: Layout, field: FieldLayout, start: number, end: number): string {
  const { format } = layout;
  const role = format.fields.find(({ name }) => name === field.field)!.role;
  const columns: number[] = [];
  const labels = new Set<string>();
  for (let column = 0; column < format.blockSize; column++)
    for (const part of elementParts(format, column)) {
      if (part.field !== field.field || part.bit + part.bits <= start * 8 || part.bit >= end * 8) continue;
      if (columns.at(-1) !== column) columns.push(column);
      labels.add(part.label.replace(/,.*| of a pair.*| \d.*/, ""));
    }
  const what = [...labels].join(" and ");
  if (columns.length === format.blockSize && role === "scale") return what;
  return `${role === "codes" && what === "code" ? "" : `${what}: `}weights ${rangesText(columns)}`;
}

/** The interleaved block, turn by turn, in memory order. */
export function layoutTurns(layout: Layout): readonly LayoutTurn[] {
  const turns: LayoutTurn[] = [];
  let byteOffset = 0;
  for (const field of layout.fields) {
    const { field: name, xor, bytes } = field;
    if (field.special !== undefined) {
      const cell = { field: name, row: undefined, byteOffset, bytes: bytes * layout.rowsPerGroup };
      const content = `${contentOf(layout, field, 0, bytes)} of all rows, bit by bit (${field.special})`;
      turns.push({ field: name, xor, cells: [cell], content });
      byteOffset += cell.bytes;
      continue;
    }
    for (let start = 0; start < bytes; start += field.chunk) {
      const cells = Array.from({ length: layout.rowsPerGroup }, (_, row) => {
        const cell = { field: name, row, byteOffset, bytes: field.chunk };
        byteOffset += field.chunk;
        return cell;
      });
      turns.push({ field: name, xor, cells, content: contentOf(layout, field, start, start + field.chunk) });
    }
  }
  return turns;
}

/** The same, the turns of each field together. */
export function turnsByField(layout: Layout): readonly (readonly LayoutTurn[])[] {
  const turns = layoutTurns(layout);
  return layout.fields.map(({ field }) => turns.filter((turn) => turn.field === field));
}
