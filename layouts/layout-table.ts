/**
 * A layout as the SIMD twin reads it: a table in memory, made from the same data.
 *
 * 32-bit little-endian words: rowsPerGroup, blockBytes, fieldCount, 0; then for each field, in interleaved order:
 * byteOffset, bytes, chunk, xor repeated in four bytes, byte offset of its bit order from the table's start (0: none),
 * 0. After the fields the bit orders, 16-bit entries as in `bitOrderTable`.
 */
import { bitOrderTable } from "./bit-orders.ts";
import type { Layout } from "./layout.ts";

const HEADER_WORDS = 4;
const FIELD_WORDS = 6;

/** The table's bytes, to be copied to a 4-byte aligned address and given to `pack_rows` and `unpack_rows`. */
export function layoutTable(layout: Layout): Uint8Array {
  const orders = layout.fields.map((field) =>
    field.special === undefined ? undefined : bitOrderTable(field.special, layout.rowsPerGroup, field.bytes),
  );
  const ordersStart = (HEADER_WORDS + FIELD_WORDS * layout.fields.length) * 4;
  const byteLength = ordersStart + orders.reduce((sum, order) => sum + (order?.byteLength ?? 0), 0);
  const view = new DataView(new ArrayBuffer(byteLength));
  const header = [layout.rowsPerGroup, layout.format.blockBytes, layout.fields.length, 0];
  let nextOrder = ordersStart;
  const words = layout.fields.flatMap((field, index) => {
    const order = orders[index];
    const orderOffset = order === undefined ? 0 : nextOrder;
    order?.forEach((bit, entry) => view.setUint16(nextOrder + entry * 2, bit, true));
    nextOrder += order?.byteLength ?? 0;
    return [field.byteOffset, field.bytes, field.chunk, field.xor * 0x01010101, orderOffset, 0];
  });
  [...header, ...words].forEach((word, index) => view.setUint32(index * 4, word, true));
  return new Uint8Array(view.buffer);
}
