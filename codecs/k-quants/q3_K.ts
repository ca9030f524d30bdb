/**
 * q3_K: 256 weights in sixteen groups of 16, each with a signed 6-bit scale.
 *
 * Value: (d * S_j) * (q - 4), S_j -32 ... 31, codes q 0 ... 7, each product rounded to f32, d f16.
 * Definition: ggml's `quantize_row_q3_K_ref`, `quantize_row_q3_K_impl` and `dequantize_row_q3_K`.
 */
import { consecutiveLevels } from "../code-levels.ts";
import type { Codec, EncodeOptions } from "../codec.ts";
import { bitPairPart, bitsPart, halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { forEachSuperBlock, weighByImportance, recode, storeBitPairs, sumOfSquares, SUPER_BLOCK } from "./k-groups.ts";
import { packedSignedScale, packSignedScales } from "./k-scales.ts";
import { refineSignedScale } from "./k-refine.ts";
import { indexOfLargest, nearestInt, searchSignedScale } from "./k-search.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_BYTES = 110;
const QS = 32;
const SCALES = 96;
const D = 108;
const GROUP = 16;
const GROUPS = SUPER_BLOCK / GROUP;

const codes = new Uint8Array(SUPER_BLOCK);
const scales = new Float32Array(GROUPS);
const scaleCodes = new Uint8Array(GROUPS);
const errorWeights = new Float32Array(GROUP);
const groupErrorWeights = new Float32Array(GROUPS);

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  forEachSuperBlock(src, options, (x, importance, block) => {
    const at = block * BLOCK_BYTES;
    writeF16(dst, at + D, importance === undefined ? findScales(x) : findWeightedScales(x, importance));
    packSignedScales(scaleCodes, dst, at + SCALES);
    const d = readF16(dst, at + D);
    for (let j = 0; j < GROUPS; j++) {
      recode(x, j * GROUP, GROUP, fround(d * packedSignedScale(dst, at + SCALES, j)), 0, -4, 3, codes);
    }
    for (let i = 0; i < 32; i++) {
      let mask = 0;
      for (let bit = 0; bit < 8; bit++) mask |= (codes[32 * bit + i]! >> 2) << bit;
      dst[at + i] = mask;
    }
    storeBitPairs(codes, dst, at + QS);
  });
}

/** The scale of largest magnitude becomes -32, the others follow. Returns d; scale codes are stored plus 32. */
function findScales(x: Float32Array): number {
  for (let j = 0; j < GROUPS; j++) scales[j] = refineSignedScale(x, j * GROUP, GROUP, 4, codes, j * GROUP);
  const largest = indexOfLargest(scales, 0, GROUPS);
  if (largest < 0) {
    scaleCodes.fill(0);
    return 0;
  }
  const inverse = fround(-32 / scales[largest]!);
  for (let j = 0; j < GROUPS; j++) {
    // Through a signed byte, as in ggml: it matters when the inverse overflowed.
    const nearest = (nearestInt(fround(inverse * scales[j]!)) << 24) >> 24;
    scaleCodes[j] = Math.max(-32, Math.min(31, nearest)) + 32;
  }
  return fround(1 / inverse);
}

/** The same with weighted searches, for the groups and for their scales. */
function findWeightedScales(x: Float32Array, importance: Float32Array): number {
  const spread = fround(fround(2 * sumOfSquares(x, 0, SUPER_BLOCK)) / SUPER_BLOCK);
  for (let j = 0; j < GROUPS; j++) {
    groupErrorWeights[j] = weighByImportance(x, j * GROUP, importance, spread, errorWeights);
    scales[j] = searchSignedScale(x, j * GROUP, GROUP, 4, errorWeights, 0, codes, j * GROUP);
  }
  return searchSignedScale(scales, 0, GROUPS, 32, groupErrorWeights, 0, scaleCodes, 0);
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let at = 0, out = 0; at < src.length; at += BLOCK_BYTES) {
    const d = readF16(src, at + D);
    for (let j = 0; j < GROUPS; j++) {
      const scale = fround(d * packedSignedScale(src, at + SCALES, j));
      const bytes = at + QS + 32 * (j >> 3) + 16 * (j & 1);
      const mask = at + 16 * (j & 1);
      const shift = 2 * ((j >> 1) & 3);
      for (let i = 0; i < GROUP; i++) {
        const high = (src[mask + i]! >> (j >> 1)) & 1;
        dst[out++] = scale * (((src[bytes + i]! >> shift) & 3) + 4 * high - 4);
      }
    }
  }
}

export const q3_K: Codec = Object.freeze({
  ...uniformFormat({
    name: "q3_K",
    about: "3-bit codes, 6-bit scales per 16, in blocks of 256",
    ggmlType: 11,
    blockSize: SUPER_BLOCK,
    fields: [
      codesField("hmask", 32, "third bits; bit b of byte i belongs to element 32 * b + i"),
      codesField(
        "qs",
        64,
        "low bit pairs; of each 128 elements byte i (0-31) holds elements i, i + 32, i + 64, i + 96, lowest first",
      ),
      scaleField(
        "scales",
        12,
        "sixteen 6-bit scales plus 32: low nibbles in bytes 0-7 (0-7 low, 8-15 high), upper bit pairs in bytes 8-11",
      ),
      halfField("d", "scale of the scales"),
    ],
    levels: consecutiveLevels(3, -4),
    parts: (j) => [
      bitPairPart("qs", j, "low bits"),
      bitsPart("hmask", "high bit", (j & 31) * 8 + (j >> 5), 1),
      bitsPart("scales", "scale", ((j >> 4) & 7) * 8 + (j >> 7) * 4, 4),
      bitsPart("scales", "scale, high bits", (8 + ((j >> 4) & 3)) * 8 + (j >> 6) * 2, 2),
      halfPart("d", "scale of scales"),
    ],
    fallback: "q4_0",
  }),
  encode,
  decode,
});
