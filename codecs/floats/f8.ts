/**
 * The 8-bit floats of safetensors files, read only; every value is exact in f32. GGUF has no number for them.
 *
 * f8_e4m3: sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinities, 0x7f and 0xff are NaN, largest 448.
 * f8_e5m2: sign, 5 bits of exponent (bias 15), 2 of mantissa; infinities and NaN as in f16, whose upper byte it is.
 */
import type { Codec } from "../codec.ts";
import { bitsOf, floatFormat } from "./float-codec.ts";
import { f32BitsOfE4m3Bits, f32BitsOfE5m2Bits } from "./half.ts";

function byteCodec(name: string, meaning: string, toF32Bits: (byte: number) => number): Codec {
  const table = Uint32Array.from({ length: 256 }, (_, byte) => toF32Bits(byte));
  return Object.freeze({
    ...floatFormat({ name, about: "an 8-bit float of safetensors files", bytes: 1, meaning }),
    decode: (src: Uint8Array, dst: Float32Array) => {
      const words = bitsOf(dst);
      for (let i = 0; i < src.length; i++) words[i] = table[src[i]!]!;
    },
  });
}

export const f8_e4m3 = byteCodec("f8_e4m3", "sign, 4 exponent bits, 3 mantissa bits, no infinities", f32BitsOfE4m3Bits);
export const f8_e5m2 = byteCodec("f8_e5m2", "sign, 5 exponent bits, 2 mantissa bits", f32BitsOfE5m2Bits);
