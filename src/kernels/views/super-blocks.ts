/** Super-blocks of 256 weights with integer scales: q2_K, q3_K, q4_K, q5_K, q6_K, and the ternary tq1_0, tq2_0. */
import { readF16 } from "../../../codecs/floats/half.ts";
import { sixBitPosition } from "../../../codecs/k-quants/k-scales.ts";
import { plainView, type IntegerView } from "../integer-view.ts";

/** A 6-bit scale or minimum of q4_K and q5_K, from its 12 bytes. */
function sixBits(bytes: Uint8Array, at: number, kind: "scale" | "minimum", index: number): number {
  let value = 0;
  for (let bit = 0; bit < 6; bit++) {
    const position = sixBitPosition(kind, index, bit);
    value |= ((bytes[at + (position >> 3)]! >> (position & 7)) & 1) << bit;
  }
  return value;
}

/** Two-bit code j: byte i of each 32 holds elements i, i + 32, i + 64, i + 96. */
const pairAt = (bytes: Uint8Array, at: number, j: number): number =>
  (bytes[at + (j >> 7) * 32 + (j & 31)]! >> (2 * ((j >> 5) & 3))) & 3;

export const q2_K: IntegerView = {
  activation: "q8_K",
  stepSize: 256,
  hasMinima: true,
  read: (block, at, tile) => {
    tile.d[0] = readF16(block, at + 80);
    tile.m[0] = readF16(block, at + 82);
    for (let j = 0; j < 256; j++) tile.values[j] = (block[at + (j >> 4)]! & 15) * pairAt(block, at + 16, j);
    for (let sub = 0; sub < 16; sub++) tile.minima[sub] = block[at + sub]! >> 4;
  },
};

export const q3_K = plainView("q8_K", 256, (block, at, tile) => {
  tile.d[0] = readF16(block, at + 108);
  for (let sub = 0; sub < 16; sub++) {
    const low = (block[at + 96 + (sub & 7)]! >> (sub < 8 ? 0 : 4)) & 15;
    const high = (block[at + 104 + (sub & 3)]! >> (2 * (sub >> 2))) & 3;
    const scale = (low | (high << 4)) - 32;
    for (let j = 16 * sub; j < 16 * sub + 16; j++) {
      const isHigh = (block[at + (j & 31)]! >> (j >> 5)) & 1;
      tile.values[j] = scale * (pairAt(block, at + 32, j) - (isHigh ? 0 : 4));
    }
  }
});

/** Scales and minima of eight groups of 32, common to q4_K and q5_K. */
function readGroups(
  block: Uint8Array,
  at: number,
  tile: { d: Float32Array; m: Float32Array; minima: Int16Array },
): void {
  tile.d[0] = readF16(block, at);
  tile.m[0] = readF16(block, at + 2);
  for (let group = 0; group < 8; group++) {
    const minimum = sixBits(block, at + 4, "minimum", group);
    tile.minima.fill(minimum, 2 * group, 2 * group + 2);
  }
}

export const q4_K: IntegerView = {
  ...q2_K,
  read: (block, at, tile) => {
    readGroups(block, at, tile);
    for (let group = 0; group < 8; group++) {
      const scale = sixBits(block, at + 4, "scale", group);
      for (let j = 0; j < 32; j++) {
        const byte = block[at + 16 + 32 * (group >> 1) + j]!;
        tile.values[32 * group + j] = scale * ((byte >> (4 * (group & 1))) & 15);
      }
    }
  },
};

export const q5_K: IntegerView = {
  ...q2_K,
  read: (block, at, tile) => {
    readGroups(block, at, tile);
    for (let group = 0; group < 8; group++) {
      const scale = sixBits(block, at + 4, "scale", group);
      for (let j = 0; j < 32; j++) {
        const low = (block[at + 48 + 32 * (group >> 1) + j]! >> (4 * (group & 1))) & 15;
        const high = (block[at + 16 + j]! >> group) & 1;
        tile.values[32 * group + j] = scale * (low | (high << 4));
      }
    }
  },
};

export const q6_K = plainView("q8_K", 256, (block, at, tile) => {
  tile.d[0] = readF16(block, at + 208);
  for (let j = 0; j < 256; j++) {
    const quarter = (j >> 5) & 3;
    const low = (block[at + (j >> 7) * 64 + (quarter & 1) * 32 + (j & 31)]! >> (4 * (quarter >> 1))) & 15;
    const scale = (block[at + 192 + (j >> 4)]! << 24) >> 24;
    tile.values[j] = scale * ((low | (pairAt(block, at + 128, j) << 4)) - 32);
  }
});

export const tq2_0 = plainView("q8_K", 256, (block, at, tile) => {
  tile.d[0] = readF16(block, at + 64);
  for (let j = 0; j < 256; j++) tile.values[j] = pairAt(block, at, j) - 1;
});

/** Digit n of a byte is floor(3 * (byte * 3^n mod 256) / 256): a fixed-point fraction in base 3. */
const digit = (byte: number, n: number): number => ((((byte * 3 ** n) & 255) * 3) >> 8) - 1;

export const tq1_0 = plainView("q8_K", 256, (block, at, tile) => {
  tile.d[0] = readF16(block, at + 52);
  for (let j = 0; j < 160; j++) tile.values[j] = digit(block[at + (j & 31)]!, j >> 5);
  for (let j = 0; j < 80; j++) tile.values[160 + j] = digit(block[at + 32 + (j & 15)]!, j >> 4);
  for (let j = 0; j < 16; j++) tile.values[240 + j] = digit(block[at + 48 + (j & 3)]!, j >> 2);
});
