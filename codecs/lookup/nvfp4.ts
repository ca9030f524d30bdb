/**
 * nvfp4: 64 weights as 4-bit floats, each 16 with a scale that is an unsigned 8-bit float (4 exponent, 3 mantissa bits).
 *
 * Scale: max|x| / 6 in f32, then to 8 bits by the first bit cut off (halves up), 448 from 248 on; below half of its smallest
 * subnormal, 2^-9, it is 0 and so are all codes. Codes: nearest of the 16 values. Value: scale * float.
 */
import type { Codec } from "../codec.ts";
import { bitsPart, nibblePart } from "../element-parts.ts";
import { E2M1_DOUBLED, nearestE2m1 } from "./e2m1.ts";
import { f32Bits } from "../floats/half.ts";
import { codesField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_SIZE = 64;
const BLOCK_BYTES = 36;
const GROUP = 16;

/**
 * Bits of the unsigned 8-bit float near x: not to even, but by the highest bit that is cut off. All that rounds to the
 * uppermost exponent, from 248, becomes 448, as in ggml.
 */
function ue4m3Bits(x: number): number {
  if (!(x > 0)) return 0;
  if (x < 2 ** -6) return Math.min(7, Math.floor(fround(fround(x * 512) + 0.5)));
  const rounded = ((f32Bits(x) >>> 19) + 1 - (120 << 4)) >> 1;
  return rounded < 0x78 ? rounded : 0x7e;
}

/** Half of the value of an unsigned 8-bit float, for the doubled floats; 0x7f, its NaN, counts as 0. */
function halfUe4m3(bits: number): number {
  const exponent = (bits >> 3) & 15;
  const mantissa = bits & 7;
  if (bits === 0x7f) return 0;
  return exponent === 0 ? mantissa * 2 ** -10 : (8 + mantissa) * 2 ** (exponent - 11);
}

function encode(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    for (let group = 0; group < 4; group++) {
      const start = i + group * GROUP;
      let largest = 0;
      for (let j = start; j < start + GROUP; j++) {
        const magnitude = Math.abs(src[j]!);
        if (largest < magnitude) largest = magnitude;
      }
      const scale = ue4m3Bits(fround(largest / 6));
      const d = halfUe4m3(scale);
      dst[at + group] = scale;
      for (let j = 0; j < 8; j++) {
        dst[at + 4 + 8 * group + j] = nearestE2m1(src[start + j]!, d) | (nearestE2m1(src[start + 8 + j]!, d) << 4);
      }
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    for (let group = 0; group < 4; group++) {
      const d = halfUe4m3(src[at + group]!);
      const out = i + group * GROUP;
      for (let j = 0; j < 8; j++) {
        const pair = src[at + 4 + 8 * group + j]!;
        dst[out + j] = d * E2M1_DOUBLED[pair & 15]!;
        dst[out + 8 + j] = d * E2M1_DOUBLED[pair >> 4]!;
      }
    }
  }
}

export const nvfp4: Codec = Object.freeze({
  ...uniformFormat({
    name: "nvfp4",
    about: "4-bit floats, an 8-bit float scale per 16",
    ggmlType: 40,
    blockSize: BLOCK_SIZE,
    fields: [
      scaleField("d", 4, "one unsigned 8-bit float per 16 weights"),
      codesField("qs", 32, "8 bytes per 16 weights: byte j has element j low, element j + 8 high"),
    ],
    parts: (j) => [nibblePart("qs", j, 8), bitsPart("d", "scale", (j >> 4) * 8, 8)],
  }),
  encode,
  decode,
});
