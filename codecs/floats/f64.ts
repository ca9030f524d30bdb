/** f64: IEEE binary64, little-endian. Read only; to f32 by rounding to nearest, ties to even. */
import type { Codec } from "../codec.ts";
import { floatFormat, viewOf } from "./float-codec.ts";

function decode(src: Uint8Array, dst: Float32Array): void {
  const view = viewOf(src);
  const count = Math.floor(src.length / 8);
  for (let i = 0; i < count; i++) dst[i] = view.getFloat64(8 * i, true);
}

export const f64: Codec = Object.freeze({
  ...floatFormat({
    name: "f64",
    about: "double precision",
    ggmlType: 28,
    bytes: 8,
    meaning: "IEEE binary64, little-endian",
  }),
  decode,
});
