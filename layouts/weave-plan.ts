/**
 * A weave as the SIMD twin reads it: a small table in memory, made from the same data.
 *
 * 32-bit little-endian words: rowsPerGroup, blockBytes, fieldCount, 0; then for each field, in woven order:
 * byteOffset, bytes, chunk, xor repeated in four bytes, byte offset of its bit order from the plan's start (0: none),
 * 0. After the fields the bit orders, 16-bit entries as in `bitOrderTable`.
 */
import { bitOrderTable } from "./bit-orders.ts";
import type { Weave } from "./layout.ts";

const HEADER_WORDS = 4;
const FIELD_WORDS = 6;

/** The plan's bytes, to be copied to a 4-byte aligned address and given to `weave_pack` and `weave_unpack`. */
export function weavePlan(weave: Weave): Uint8Array {
  const orders = weave.fields.map((field) =>
    field.special === undefined ? undefined : bitOrderTable(field.special, weave.rowsPerGroup, field.bytes),
  );
  const tableStart = (HEADER_WORDS + FIELD_WORDS * weave.fields.length) * 4;
  const byteLength = tableStart + orders.reduce((sum, order) => sum + (order?.byteLength ?? 0), 0);
  const view = new DataView(new ArrayBuffer(byteLength));
  const header = [weave.rowsPerGroup, weave.format.blockBytes, weave.fields.length, 0];
  let tableOffset = tableStart;
  const words = weave.fields.flatMap((field, index) => {
    const order = orders[index];
    const orderOffset = order === undefined ? 0 : tableOffset;
    order?.forEach((bit, entry) => view.setUint16(tableOffset + entry * 2, bit, true));
    tableOffset += order?.byteLength ?? 0;
    return [field.byteOffset, field.bytes, field.chunk, field.xor * 0x01010101, orderOffset, 0];
  });
  [...header, ...words].forEach((word, index) => view.setUint32(index * 4, word, true));
  return new Uint8Array(view.buffer);
}
