/** GGUF's integer tensors, two's complement, little-endian: copied, sized and shown, never quantized. */
import type { Codec } from "../codec.ts";
import { integerFormat, viewOf } from "./float-codec.ts";

function integerCodec(name: string, bytes: number, ggmlType: number, read: (view: DataView, at: number) => number) {
  return Object.freeze({
    ...integerFormat({
      name,
      about: `integers of ${8 * bytes} bits`,
      ggmlType,
      bytes,
      meaning: `signed integer of ${8 * bytes} bits, little-endian`,
    }),
    decode: (src: Uint8Array, dst: Float32Array) => {
      const view = viewOf(src);
      const count = Math.floor(src.length / bytes);
      for (let i = 0; i < count; i++) dst[i] = read(view, i * bytes);
    },
  }) satisfies Codec;
}

export const i8: Codec = integerCodec("i8", 1, 24, (view, at) => view.getInt8(at));
export const i16: Codec = integerCodec("i16", 2, 25, (view, at) => view.getInt16(at, true));
export const i32: Codec = integerCodec("i32", 4, 26, (view, at) => view.getInt32(at, true));
export const i64: Codec = integerCodec("i64", 8, 27, (view, at) => Number(view.getBigInt64(at, true)));
