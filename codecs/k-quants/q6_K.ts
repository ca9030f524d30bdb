/**
 * q6_K: 256 weights in sixteen groups of 16, each with a signed 8-bit scale.
 *
 * Value: (d * S_j) * (q - 32), codes q 0 ... 63, each product rounded to f32, d f16.
 * Unweighted, an error counts by the square of the weight; an importance counts as it is.
 * Definition: ggml's `quantize_row_q6_K_ref`, `quantize_row_q6_K_impl` and `dequantize_row_q6_K`.
 */
import { consecutiveLevels } from "../code-levels.ts";
import type { Codec, EncodeOptions } from "../codec.ts";
import { bitPairPart, bitsPart, halfPart, nibblePart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { forEachSuperBlock, recode, SUPER_BLOCK } from "./k-groups.ts";
import { indexOfLargest, nearestInt, searchSignedScale, SMALLEST_GROUP } from "./k-search.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_BYTES = 210;
const QH = 128;
const SCALES = 192;
const D = 208;
const GROUP = 16;
const GROUPS = SUPER_BLOCK / GROUP;

const codes = new Uint8Array(SUPER_BLOCK);
const scales = new Float32Array(GROUPS);

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  forEachSuperBlock(src, options, (x, importance, block) => {
    const at = block * BLOCK_BYTES;
    for (let j = 0; j < GROUPS; j++) {
      scales[j] = searchSignedScale(x, j * GROUP, GROUP, 32, importance, j * GROUP, codes, j * GROUP);
    }
    const largest = indexOfLargest(scales, 0, GROUPS);
    if (largest < 0 || Math.abs(scales[largest]!) < SMALLEST_GROUP) {
      dst.fill(0, at, at + BLOCK_BYTES);
      return;
    }
    const inverse = fround(-128 / scales[largest]!);
    writeF16(dst, at + D, 1 / inverse);
    const d = readF16(dst, at + D);
    for (let j = 0; j < GROUPS; j++) {
      const scale = (Math.min(127, nearestInt(fround(inverse * scales[j]!))) << 24) >> 24;
      dst[at + SCALES + j] = scale;
      recode(x, j * GROUP, GROUP, fround(d * scale), 0, -32, 31, codes);
    }
    storeCodes(dst, at);
  });
}

/** Four elements, 32 apart, share two bytes of low nibbles and one byte of upper bit pairs. */
function storeCodes(dst: Uint8Array, at: number): void {
  for (let half = 0; half < 2; half++) {
    for (let i = 0; i < 32; i++) {
      const from = 128 * half + i;
      const [a, b, c, e] = [codes[from]!, codes[from + 32]!, codes[from + 64]!, codes[from + 96]!];
      dst[at + 64 * half + i] = (a & 15) | ((c & 15) << 4);
      dst[at + 64 * half + 32 + i] = (b & 15) | ((e & 15) << 4);
      dst[at + QH + 32 * half + i] = (a >> 4) | ((b >> 4) << 2) | ((c >> 4) << 4) | ((e >> 4) << 6);
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let at = 0, out = 0; at < src.length; at += BLOCK_BYTES) {
    const d = readF16(src, at + D);
    for (let i = 0; i < SUPER_BLOCK; i++) {
      const half = i >> 7;
      const quarter = (i >> 5) & 3;
      const low = src[at + 64 * half + 32 * (quarter & 1) + (i & 31)]! >> (4 * (quarter >> 1));
      const high = src[at + QH + 32 * half + (i & 31)]! >> (2 * quarter);
      const scale = fround(d * ((src[at + SCALES + (i >> 4)]! << 24) >> 24));
      dst[out++] = scale * (((low & 15) | ((high & 3) << 4)) - 32);
    }
  }
}

export const q6_K: Codec = Object.freeze({
  ...uniformFormat({
    name: "q6_K",
    about: "6-bit codes, 8-bit scales per 16, in blocks of 256",
    ggmlType: 14,
    blockSize: SUPER_BLOCK,
    fields: [
      codesField(
        "ql",
        128,
        "low nibbles; of each 128 elements byte i (0-63) holds element i low and element i + 64 high",
      ),
      codesField(
        "qh",
        64,
        "upper bit pairs; of each 128 elements byte i (0-31) holds elements i, i + 32, i + 64, i + 96, lowest first",
      ),
      scaleField("scales", 16, "sixteen signed 8-bit scales, one per 16 elements"),
      halfField("d", "scale of the scales"),
    ],
    levels: consecutiveLevels(6, -32),
    parts: (j) => [
      nibblePart("ql", j, 64, "low bits"),
      bitPairPart("qh", j, "high bits"),
      bitsPart("scales", "scale", (j >> 4) * 8, 8),
      halfPart("d", "scale of scales"),
    ],
    fallback: "q8_0",
  }),
  encode,
  decode,
});
