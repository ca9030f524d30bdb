/**
 * Where a weight lies: the bytes and bits of its code and of its scales, through any layout.
 */
import { bitOrderTable } from "./bit-orders.ts";
import { elementParts } from "./element-bits.ts";
import type { FieldLayout, LocatedPart, Location, Layout } from "./layout.ts";
import { interleavedByte } from "./pack.ts";

/** The bit of the interleaved field that holds bit `bit` of row `row`'s field. */
export function interleavedBit(field: FieldLayout, rowsPerGroup: number, row: number, bit: number): number {
  if (field.special !== undefined)
    return bitOrderTable(field.special, rowsPerGroup, field.bytes)[row * field.bytes * 8 + bit]!;
  return interleavedByte(field, rowsPerGroup, row, bit >> 3) * 8 + (bit & 7);
}

/** Offset of a field in the interleaved block. */
export function interleavedFieldOffset(layout: Layout, field: FieldLayout): number {
  const before = layout.fields.slice(0, layout.fields.indexOf(field));
  return before.reduce((sum, { bytes }) => sum + bytes * layout.rowsPerGroup, 0);
}

/**
 * Where weight (row, column) lies.
 * @param rowBytes bytes of one row, a multiple of the block bytes
 * @param row from the first row of the packed bytes
 * @param column weight within the row
 * @returns parts whose byte offsets count from the first packed byte
 * @throws RangeError when the column lies outside the row
 */
export function locate(layout: Layout, rowBytes: number, row: number, column: number): Location {
  const { format, rowsPerGroup } = layout;
  const rowLength = (rowBytes / format.blockBytes) * format.blockSize;
  if (!Number.isInteger(column) || column < 0 || column >= rowLength)
    throw new RangeError(`column ${column}, expected 0 to ${rowLength - 1}`);
  if (!Number.isInteger(row) || row < 0) throw new RangeError(`row ${row}, expected a whole number from 0`);
  const blockColumn = Math.floor(column / format.blockSize);
  const rowInGroup = row % rowsPerGroup;
  const start = (row - rowInGroup) * rowBytes + blockColumn * rowsPerGroup * format.blockBytes;
  const parts: LocatedPart[] = [];
  for (const { field: name, label, bit, bits } of elementParts(format, column % format.blockSize)) {
    const field = layout.fields.find((candidate) => candidate.field === name)!;
    const fieldStart = start + interleavedFieldOffset(layout, field);
    // Neighbouring bits may be dealt apart: one part per run that stays together.
    let runStart = interleavedBit(field, rowsPerGroup, rowInGroup, bit);
    let runBits = 0;
    for (let index = 0; index <= bits; index++) {
      const next = index < bits ? interleavedBit(field, rowsPerGroup, rowInGroup, bit + index) : -1;
      if (next === runStart + runBits) {
        runBits++;
        continue;
      }
      parts.push({ field: name, label, byteOffset: fieldStart + (runStart >> 3), bit: runStart & 7, bits: runBits });
      runStart = next;
      runBits = 1;
    }
  }
  return { parts };
}
