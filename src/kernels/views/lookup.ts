/** Formats whose nibbles are numbers of a fixed table: iq4_nl, iq4_xs, mxfp4, nvfp4. */
import { f32FromBits, readF16 } from "../../../codecs/floats/half.ts";
import { plainView } from "../integer-view.ts";
import { nibbleAt } from "./groups.ts";

/** ggml's non-linear 4-bit table. */
const IQ4 = Int8Array.of(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

/** E2M1 (0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives), doubled to be integers; the scales are halved. */
const FP4 = Int8Array.of(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

export const iq4_nl = plainView("q8_0", 32, (block, at, tile) => {
  tile.d[0] = readF16(block, at);
  for (let j = 0; j < 32; j++) tile.values[j] = IQ4[nibbleAt(block, at + 2, j)]!;
});

/** 2^(e - 128): half of an E8M0 scale. The two smallest are subnormal. */
const halfE8m0 = (e: number): number => f32FromBits(e < 2 ? 0x00200000 << e : (e - 1) << 23);

export const mxfp4 = plainView("q8_0", 32, (block, at, tile) => {
  tile.d[0] = halfE8m0(block[at]!);
  for (let j = 0; j < 32; j++) tile.values[j] = FP4[nibbleAt(block, at + 1, j)]!;
});

/** Half of an unsigned E4M3 scale; 0x7f is no number and counts as zero. */
function halfE4m3(byte: number): number {
  if (byte === 0x7f) return 0;
  const exponent = (byte >> 3) & 15;
  const mantissa = byte & 7;
  return exponent === 0 ? mantissa * 2 ** -10 : (8 + mantissa) * 2 ** (exponent - 11);
}

export const nvfp4 = plainView("q8_0", 16, (block, at, tile) => {
  for (let step = 0; step < 4; step++) {
    tile.d[step] = halfE4m3(block[at + step]!);
    for (let j = 0; j < 8; j++) {
      const byte = block[at + 4 + 8 * step + j]!;
      tile.values[16 * step + j] = FP4[byte & 15]!;
      tile.values[16 * step + 8 + j] = FP4[byte >> 4]!;
    }
  }
});

export const iq4_xs = plainView("q8_K", 256, (block, at, tile) => {
  tile.d[0] = readF16(block, at);
  for (let group = 0; group < 8; group++) {
    const low = (block[at + 4 + (group >> 1)]! >> (4 * (group & 1))) & 15;
    const high = (block[at + 2 + (group >> 2)]! >> (2 * (group & 3))) & 3;
    const scale = (low | (high << 4)) - 32;
    for (let j = 0; j < 32; j++) tile.values[32 * group + j] = scale * IQ4[nibbleAt(block, at + 8 + 16 * group, j)]!;
  }
});
