/** Formats with an f16 scale per group: q4_0, q4_1, q5_0, q5_1, q8_0, q1_0, q2_0. */
import { readF16 } from "../../../codecs/floats/half.ts";
import { plainView, type IntegerView } from "../integer-view.ts";

/** Nibble j of 16 bytes: element j low, element j + 16 high. */
export const nibbleAt = (bytes: Uint8Array, at: number, j: number): number =>
  (bytes[at + (j & 15)]! >> (j < 16 ? 0 : 4)) & 15;

const bitAt = (bytes: Uint8Array, at: number, j: number): number => (bytes[at + (j >> 3)]! >> (j & 7)) & 1;

export const q4_0 = plainView("q8_0", 32, (block, at, tile) => {
  tile.d[0] = readF16(block, at);
  for (let j = 0; j < 32; j++) tile.values[j] = nibbleAt(block, at + 2, j) - 8;
});

export const q5_0 = plainView("q8_0", 32, (block, at, tile) => {
  tile.d[0] = readF16(block, at);
  for (let j = 0; j < 32; j++) tile.values[j] = (nibbleAt(block, at + 6, j) | (bitAt(block, at + 2, j) << 4)) - 16;
});

export const q8_0 = plainView("q8_0", 32, (block, at, tile) => {
  tile.d[0] = readF16(block, at);
  for (let j = 0; j < 32; j++) tile.values[j] = (block[at + 2 + j]! << 24) >> 24;
});

/** value = d * q + m: the minimum is subtracted, so its sign changes. */
export const q4_1: IntegerView = {
  activation: "q8_0",
  stepSize: 32,
  hasMinima: true,
  read: (block, at, tile) => {
    tile.d[0] = readF16(block, at);
    tile.m[0] = -readF16(block, at + 2);
    tile.minima.fill(1, 0, 2);
    for (let j = 0; j < 32; j++) tile.values[j] = nibbleAt(block, at + 4, j);
  },
};

export const q5_1: IntegerView = {
  ...q4_1,
  read: (block, at, tile) => {
    tile.d[0] = readF16(block, at);
    tile.m[0] = -readF16(block, at + 2);
    tile.minima.fill(1, 0, 2);
    for (let j = 0; j < 32; j++) tile.values[j] = nibbleAt(block, at + 8, j) | (bitAt(block, at + 4, j) << 4);
  },
};

/** Signs only: a set bit is +d. Four activation blocks share the scale. */
export const q1_0 = plainView("q8_0", 32, (block, at, tile) => {
  tile.d.fill(readF16(block, at), 0, 4);
  for (let j = 0; j < 128; j++) tile.values[j] = 2 * bitAt(block, at + 2, j) - 1;
});

export const q2_0 = plainView("q8_0", 32, (block, at, tile) => {
  tile.d.fill(readF16(block, at), 0, 2);
  for (let j = 0; j < 64; j++) tile.values[j] = ((block[at + 2 + (j >> 2)]! >> (2 * (j & 3))) & 3) - 1;
});
