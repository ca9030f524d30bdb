/** f32: IEEE binary32, little-endian. Bytes are copied, NaN payloads included. */
import type { Codec } from "../codec.ts";
import { bytesOf, floatFormat } from "./float-codec.ts";

export const f32: Codec = Object.freeze({
  ...floatFormat({
    name: "f32",
    about: "no change of values from F16, BF16 or F32",
    ggmlType: 0,
    fileType: 0,
    bytes: 4,
    meaning: "IEEE binary32, little-endian",
  }),
  encode: (src: Float32Array, dst: Uint8Array) => dst.set(bytesOf(src)),
  decode: (src: Uint8Array, dst: Float32Array) => bytesOf(dst).set(src),
});
