/** f16: IEEE binary16, little-endian; to nearest, ties to even, subnormals kept, infinity from 65520. See `half.ts`. */
import type { Codec } from "../codec.ts";
import { bitsOf, floatFormat } from "./float-codec.ts";
import { f16BitsOfF32Bits, f32BitsOfF16Bits } from "./half.ts";

function encode(src: Float32Array, dst: Uint8Array): void {
  const words = bitsOf(src);
  for (let i = 0; i < words.length; i++) {
    const half = f16BitsOfF32Bits(words[i]!);
    dst[2 * i] = half;
    dst[2 * i + 1] = half >>> 8;
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  const words = bitsOf(dst);
  const count = src.length >>> 1;
  for (let i = 0; i < count; i++) words[i] = f32BitsOfF16Bits(src[2 * i]! | (src[2 * i + 1]! << 8));
}

export const f16: Codec = Object.freeze({
  ...floatFormat({
    name: "f16",
    about: "half precision, 11 bits of mantissa",
    ggmlType: 1,
    fileType: 1,
    bytes: 2,
    meaning: "IEEE binary16, little-endian",
  }),
  encode,
  decode,
});
