/**
 * q8_K: 256 numbers as signed bytes with one f32 scale and the sums of each 16 codes: what K-quant kernels take as
 * activations. Not a format for weights in files.
 *
 * With m the number of largest magnitude (the first of equals): q = min(127, nearest((-127 / m) * x)), ties to even,
 * d = 1 / (-127 / m), all in f32. Value: d * q. A block of zeros is all zeros.
 * Definition: ggml's `quantize_row_q8_K_ref`, with the sums of a zero block set to zero (ggml leaves them as they were).
 */
import type { Codec } from "../codec.ts";
import { bitsPart } from "../element-parts.ts";
import { SUPER_BLOCK } from "./k-groups.ts";
import { indexOfLargest, nearestInt } from "./k-search.ts";
import { codesField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_BYTES = 292;
const QS = 4;
const BSUMS = 260;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function encode(src: Float32Array, dst: Uint8Array): void {
  const view = viewOf(dst);
  for (let start = 0, at = 0; start < src.length; start += SUPER_BLOCK, at += BLOCK_BYTES) {
    const largest = indexOfLargest(src, start, SUPER_BLOCK);
    if (largest < 0) {
      dst.fill(0, at, at + BLOCK_BYTES);
      continue;
    }
    const inverse = fround(-127 / src[largest]!);
    view.setFloat32(at, 1 / inverse, true);
    for (let group = 0; group < 16; group++) {
      let sum = 0;
      for (let i = 16 * group; i < 16 * group + 16; i++) {
        const code = (Math.min(127, nearestInt(fround(inverse * src[start + i]!))) << 24) >> 24;
        view.setInt8(at + QS + i, code);
        sum += code;
      }
      view.setInt16(at + BSUMS + 2 * group, sum, true);
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  const view = viewOf(src);
  for (let at = 0, out = 0; at < src.length; at += BLOCK_BYTES) {
    const d = view.getFloat32(at, true);
    for (let i = 0; i < SUPER_BLOCK; i++) dst[out++] = d * view.getInt8(at + QS + i);
  }
}

export const q8_K: Codec = Object.freeze({
  ...uniformFormat({
    name: "q8_K",
    about: "8-bit codes of activations and their sums, a scale per 256",
    ggmlType: 15,
    blockSize: SUPER_BLOCK,
    fields: [
      scaleField("d", 4, "scale, f32"),
      codesField("qs", 256, "signed bytes, element j in byte j"),
      scaleField("bsums", 32, "sums of each 16 codes, sixteen signed 16-bit integers, little-endian"),
    ],
    parts: (j) => [bitsPart("qs", "code", j * 8, 8), bitsPart("d", "scale", 0, 32)],
    isForActivations: true,
  }),
  encode,
  decode,
});
