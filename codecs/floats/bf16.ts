/** bf16: the upper half of an f32, little-endian; to nearest, ties to even. See `half.ts`. */
import type { Codec } from "../codec.ts";
import { bitsOf, floatFormat } from "./float-codec.ts";
import { bf16BitsOfF32Bits } from "./half.ts";

function encode(src: Float32Array, dst: Uint8Array): void {
  const words = bitsOf(src);
  for (let i = 0; i < words.length; i++) {
    const half = bf16BitsOfF32Bits(words[i]!);
    dst[2 * i] = half;
    dst[2 * i + 1] = half >>> 8;
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  const words = bitsOf(dst);
  const count = src.length >>> 1;
  for (let i = 0; i < count; i++) words[i] = (src[2 * i]! | (src[2 * i + 1]! << 8)) << 16;
}

export const bf16: Codec = Object.freeze({
  ...floatFormat({
    name: "bf16",
    about: "the upper half of a float, 8 bits of mantissa",
    ggmlType: 30,
    fileType: 32,
    bytes: 2,
    meaning: "upper half of an IEEE binary32, little-endian",
  }),
  encode,
  decode,
});
