/**
 * The fields that are not dealt in whole bytes: each function says to which bit of the interleaved field a bit of a
 * row's field goes. A permutation is packed, unpacked, located and drawn from one table, so it cannot disagree with
 * itself.
 *
 * Bits are numbered from the lowest bit of byte 0. Definitions: the repack functions of ggml's CPU backend, checked
 * against its bytes in fixtures/golden/layouts.
 */
import { sixBitPosition } from "../codecs/k-quants/k-scales.ts";
import type { BitOrderName } from "./layout.ts";

/** The 16 sub-blocks of q2_K in the order in which the 16-row layout stores their scales. */
const Q2_SCALE_ORDER = [0, 2, 4, 6, 1, 3, 5, 7, 8, 10, 12, 14, 9, 11, 13, 15];

/** Calls `put` with the row, its bit, and the interleaved bit, for every bit of the field. */
type BitOrder = (rows: number, bytes: number, put: (row: number, bit: number, interleavedBit: number) => void) => void;

const SIX_BIT_KINDS = ["scale", "minimum"] as const;

const BIT_ORDERS: Readonly<Record<BitOrderName, BitOrder>> = {
  /** One record per sub-block, packed as a row's 12 bytes are, with the row (0..7) in place of the sub-block. */
  "k-scales": (rows, bytes, put) => {
    for (const kind of SIX_BIT_KINDS)
      for (let row = 0; row < rows; row++)
        for (let subBlock = 0; subBlock < 8; subBlock++)
          for (let bit = 0; bit < 6; bit++)
            put(row, sixBitPosition(kind, subBlock, bit), subBlock * bytes * 8 + sixBitPosition(kind, row, bit));
  },
  /** Low nibbles of scale and minimum in one byte per sub-block and row, then the high pairs of j and j+4. */
  "k-scales-16": (rows, _bytes, put) => {
    for (const [nibble, kind] of SIX_BIT_KINDS.entries())
      for (let row = 0; row < rows; row++)
        for (let subBlock = 0; subBlock < 8; subBlock++)
          for (let bit = 0; bit < 6; bit++) {
            const low = (subBlock * rows + row) * 8 + nibble * 4 + bit;
            const pair = (subBlock < 4 ? 0 : 4) + nibble * 2 + bit - 4;
            const high = ((8 + (subBlock % 4)) * rows + row) * 8 + pair;
            put(row, sixBitPosition(kind, subBlock, bit), bit < 4 ? low : high);
          }
  },
  /** One byte per sub-block and row, the sub-blocks in the order of `Q2_SCALE_ORDER`. */
  "q2-scales-16": (rows, _bytes, put) => {
    for (const [place, subBlock] of Q2_SCALE_ORDER.entries())
      for (let row = 0; row < rows; row++)
        for (let bit = 0; bit < 8; bit++) put(row, subBlock * 8 + bit, (place * rows + row) * 8 + bit);
  },
  /** Dealt like chunks, but of four bits: one row's nibble after the other's, low nibble first. */
  nibbles: (rows, bytes, put) => {
    for (let row = 0; row < rows; row++)
      for (let nibble = 0; nibble < bytes * 2; nibble++)
        for (let bit = 0; bit < 4; bit++) put(row, nibble * 4 + bit, (nibble * rows + row) * 4 + bit);
  },
};

const tables = new Map<string, Uint16Array>();

/**
 * The permutation as a table: entry `row * bytes * 8 + bit` is the bit of the interleaved field (of `rows * bytes`
 * bytes). Made once for each name and size.
 */
export function bitOrderTable(name: BitOrderName, rows: number, bytes: number): Uint16Array {
  const key = `${name} ${rows} ${bytes}`;
  let table = tables.get(key);
  if (table === undefined) {
    const made = new Uint16Array(rows * bytes * 8);
    BIT_ORDERS[name](rows, bytes, (row, bit, interleavedBit) => (made[row * bytes * 8 + bit] = interleavedBit));
    tables.set(key, (table = made));
  }
  return table;
}
