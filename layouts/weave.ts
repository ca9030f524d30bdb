/**
 * Packing and unpacking: the definition, for any weave. The size never changes, groups of rows stay in place, and
 * `unpack` is the exact inverse of `pack` for any bytes. The fast twin is weave.simd.ts.
 */
import { bitOrderTable } from "./bit-orders.ts";
import type { FieldWeave, Weave } from "./layout.ts";

/** Bytes of a woven block: `rowsPerGroup` blocks of one column. */
export function groupBlockBytes(weave: Weave): number {
  return weave.rowsPerGroup * weave.format.blockBytes;
}

function checkSizes(weave: Weave, src: Uint8Array, dst: Uint8Array, rows: number, rowBytes: number): void {
  const name = `${weave.format.name} ${weave.layout}`;
  const { blockBytes } = weave.format;
  if (!Number.isInteger(rows) || rows < 0 || rows % weave.rowsPerGroup !== 0)
    throw new RangeError(`${name}: ${rows} rows, expected a multiple of ${weave.rowsPerGroup}`);
  if (!Number.isInteger(rowBytes) || rowBytes < 0 || rowBytes % blockBytes !== 0)
    throw new RangeError(`${name}: rows of ${rowBytes} bytes, expected a multiple of ${blockBytes}`);
  for (const [what, bytes] of [
    ["source", src.length],
    ["destination", dst.length],
  ] as const)
    if (bytes < rows * rowBytes)
      throw new RangeError(`${name}: ${what} of ${bytes} bytes, expected ${rows} rows of ${rowBytes}`);
}

/** Byte of the woven field that holds byte `byte` of row `row`'s field. */
export function wovenByte(field: FieldWeave, rowsPerGroup: number, row: number, byte: number): number {
  const within = byte % field.chunk;
  return (((byte - within) / field.chunk) * rowsPerGroup + row) * field.chunk + within;
}

/** Visits every field of every woven block with its place in row-major and in woven order. */
function eachField(
  weave: Weave,
  rows: number,
  rowBytes: number,
  visit: (field: FieldWeave, rowPosition: number, wovenPosition: number) => void,
): void {
  const { rowsPerGroup, format, fields } = weave;
  for (let group = 0; group < rows / rowsPerGroup; group++) {
    const start = group * rowsPerGroup * rowBytes;
    for (let column = 0; column < rowBytes / format.blockBytes; column++) {
      let wovenPosition = start + column * rowsPerGroup * format.blockBytes;
      for (const field of fields) {
        visit(field, start + column * format.blockBytes + field.byteOffset, wovenPosition);
        wovenPosition += field.bytes * rowsPerGroup;
      }
    }
  }
}

/**
 * Row-major blocks to woven blocks.
 * @param src `rows` rows of `rowBytes` bytes
 * @param dst as many bytes; must not overlap `src`
 * @param rows a multiple of `weave.rowsPerGroup`
 * @param rowBytes a multiple of the format's block bytes
 * @throws RangeError when sizes do not fit
 */
export function pack(weave: Weave, src: Uint8Array, dst: Uint8Array, rows: number, rowBytes: number): void {
  checkSizes(weave, src, dst, rows, rowBytes);
  const { rowsPerGroup } = weave;
  eachField(weave, rows, rowBytes, (field, rowPosition, wovenPosition) => {
    if (field.special !== undefined) {
      const order = bitOrderTable(field.special, rowsPerGroup, field.bytes);
      dst.fill(0, wovenPosition, wovenPosition + rowsPerGroup * field.bytes);
      for (const [index, wovenBit] of order.entries()) {
        const row = Math.floor(index / (field.bytes * 8));
        const bit = index % (field.bytes * 8);
        const value = (src[rowPosition + row * rowBytes + (bit >> 3)]! >> (bit & 7)) & 1;
        dst[wovenPosition + (wovenBit >> 3)]! |= value << (wovenBit & 7);
      }
      return;
    }
    for (let row = 0; row < rowsPerGroup; row++)
      for (let byte = 0; byte < field.bytes; byte++)
        dst[wovenPosition + wovenByte(field, rowsPerGroup, row, byte)] =
          src[rowPosition + row * rowBytes + byte]! ^ field.xor;
  });
}

/**
 * Woven blocks back to row-major blocks: the inverse of `pack`, same arguments with `src` and `dst` exchanged.
 * @throws RangeError when sizes do not fit
 */
export function unpack(weave: Weave, src: Uint8Array, dst: Uint8Array, rows: number, rowBytes: number): void {
  checkSizes(weave, src, dst, rows, rowBytes);
  const { rowsPerGroup } = weave;
  eachField(weave, rows, rowBytes, (field, rowPosition, wovenPosition) => {
    if (field.special !== undefined) {
      const order = bitOrderTable(field.special, rowsPerGroup, field.bytes);
      for (let row = 0; row < rowsPerGroup; row++)
        dst.fill(0, rowPosition + row * rowBytes, rowPosition + row * rowBytes + field.bytes);
      for (const [index, wovenBit] of order.entries()) {
        const row = Math.floor(index / (field.bytes * 8));
        const bit = index % (field.bytes * 8);
        const value = (src[wovenPosition + (wovenBit >> 3)]! >> (wovenBit & 7)) & 1;
        dst[rowPosition + row * rowBytes + (bit >> 3)]! |= value << (bit & 7);
      }
      return;
    }
    for (let row = 0; row < rowsPerGroup; row++)
      for (let byte = 0; byte < field.bytes; byte++)
        dst[rowPosition + row * rowBytes + byte] =
          src[wovenPosition + wovenByte(field, rowsPerGroup, row, byte)]! ^ field.xor;
  });
}
