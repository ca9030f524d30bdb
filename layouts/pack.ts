/**
 * Packing and unpacking: the definition, for any layout. The size never changes, groups of rows stay in place, and
 * `unpack` is the exact inverse of `pack` for any bytes. The fast twin is pack.simd.ts.
 */
import { bitOrderTable } from "./bit-orders.ts";
import type { FieldLayout, Layout } from "./layout.ts";

/** Bytes of an interleaved block: `rowsPerGroup` blocks of one column. */
export function groupBlockBytes(layout: Layout): number {
  return layout.rowsPerGroup * layout.format.blockBytes;
}

function checkSizes(layout: Layout, src: Uint8Array, dst: Uint8Array, rows: number, rowBytes: number): void {
  const name = `${layout.format.name} ${layout.name}`;
  const { blockBytes } = layout.format;
  if (!Number.isInteger(rows) || rows < 0 || rows % layout.rowsPerGroup !== 0)
    throw new RangeError(`${name}: ${rows} rows, expected a multiple of ${layout.rowsPerGroup}`);
  if (!Number.isInteger(rowBytes) || rowBytes < 0 || rowBytes % blockBytes !== 0)
    throw new RangeError(`${name}: rows of ${rowBytes} bytes, expected a multiple of ${blockBytes}`);
  for (const [what, bytes] of [
    ["source", src.length],
    ["destination", dst.length],
  ] as const)
    if (bytes < rows * rowBytes)
      throw new RangeError(`${name}: ${what} of ${bytes} bytes, expected ${rows} rows of ${rowBytes}`);
}

/** Byte of the interleaved field that holds byte `byte` of row `row`'s field. */
export function interleavedByte(field: FieldLayout, rowsPerGroup: number, row: number, byte: number): number {
  const within = byte % field.chunk;
  return (((byte - within) / field.chunk) * rowsPerGroup + row) * field.chunk + within;
}

/** Visits every field of every interleaved block with its place in row-major and in interleaved order. */
function eachField(
  layout: Layout,
  rows: number,
  rowBytes: number,
  visit: (field: FieldLayout, rowPosition: number, interleavedPosition: number) => void,
): void {
  const { rowsPerGroup, format, fields } = layout;
  for (let group = 0; group < rows / rowsPerGroup; group++) {
    const start = group * rowsPerGroup * rowBytes;
    for (let column = 0; column < rowBytes / format.blockBytes; column++) {
      let interleavedPosition = start + column * rowsPerGroup * format.blockBytes;
      for (const field of fields) {
        visit(field, start + column * format.blockBytes + field.byteOffset, interleavedPosition);
        interleavedPosition += field.bytes * rowsPerGroup;
      }
    }
  }
}

/**
 * Row-major blocks to interleaved blocks.
 * @param src `rows` rows of `rowBytes` bytes
 * @param dst as many bytes; must not overlap `src`
 * @param rows a multiple of `layout.rowsPerGroup`
 * @param rowBytes a multiple of the format's block bytes
 * @throws RangeError when sizes do not fit
 */
export function pack(layout: Layout, src: Uint8Array, dst: Uint8Array, rows: number, rowBytes: number): void {
  checkSizes(layout, src, dst, rows, rowBytes);
  const { rowsPerGroup } = layout;
  eachField(layout, rows, rowBytes, (field, rowPosition, interleavedPosition) => {
    if (field.special !== undefined) {
      const order = bitOrderTable(field.special, rowsPerGroup, field.bytes);
      dst.fill(0, interleavedPosition, interleavedPosition + rowsPerGroup * field.bytes);
      for (const [index, interleavedBit] of order.entries()) {
        const row = Math.floor(index / (field.bytes * 8));
        const bit = index % (field.bytes * 8);
        const value = (src[rowPosition + row * rowBytes + (bit >> 3)]! >> (bit & 7)) & 1;
        dst[interleavedPosition + (interleavedBit >> 3)]! |= value << (interleavedBit & 7);
      }
      return;
    }
    for (let row = 0; row < rowsPerGroup; row++)
      for (let byte = 0; byte < field.bytes; byte++)
        dst[interleavedPosition + interleavedByte(field, rowsPerGroup, row, byte)] =
          src[rowPosition + row * rowBytes + byte]! ^ field.xor;
  });
}

/**
 * Interleaved blocks back to row-major blocks: the inverse of `pack`, same arguments with `src` and `dst` exchanged.
 * @throws RangeError when sizes do not fit
 */
export function unpack(layout: Layout, src: Uint8Array, dst: Uint8Array, rows: number, rowBytes: number): void {
  checkSizes(layout, src, dst, rows, rowBytes);
  const { rowsPerGroup } = layout;
  eachField(layout, rows, rowBytes, (field, rowPosition, interleavedPosition) => {
    if (field.special !== undefined) {
      const order = bitOrderTable(field.special, rowsPerGroup, field.bytes);
      for (let row = 0; row < rowsPerGroup; row++)
        dst.fill(0, rowPosition + row * rowBytes, rowPosition + row * rowBytes + field.bytes);
      for (const [index, interleavedBit] of order.entries()) {
        const row = Math.floor(index / (field.bytes * 8));
        const bit = index % (field.bytes * 8);
        const value = (src[interleavedPosition + (interleavedBit >> 3)]! >> (interleavedBit & 7)) & 1;
        dst[rowPosition + row * rowBytes + (bit >> 3)]! |= value << (bit & 7);
      }
      return;
    }
    for (let row = 0; row < rowsPerGroup; row++)
      for (let byte = 0; byte < field.bytes; byte++)
        dst[rowPosition + row * rowBytes + byte] =
          src[interleavedPosition + interleavedByte(field, rowsPerGroup, row, byte)]! ^ field.xor;
  });
}
