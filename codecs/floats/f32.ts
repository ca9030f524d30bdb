/** f32: IEEE binary32, little-endian. Bytes are copied, NaN payloads included. */
import type { Codec } from "../codec.ts";
import { bytesOf, floatFormat } from "./float-codec.ts";

export const f32: Codec = Object.freeze({
  ...floatFormat("f32", 4, "IEEE binary32, little-endian", 0),
  encode: (src: Float32Array, dst: Uint8Array) => dst.set(bytesOf(src)),
  decode: (src: Uint8Array, dst: Float32Array) => bytesOf(dst).set(src),
});
