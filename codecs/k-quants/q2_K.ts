/**
 * q2_K: 256 weights in sixteen groups of 16, each with a 4-bit scale and a 4-bit minimum.
 *
 * Value: (d * S_j) * q - (dmin * M_j), codes q 0 ... 3, each product rounded to f32, d and dmin f16.
 * Unweighted, the search minimises the sum of |x| times the magnitude of the error.
 * Definition: ggml's `quantize_row_q2_K_ref`, `quantize_row_q2_K_impl` and `dequantize_row_q2_K`.
 */
import { consecutiveLevels } from "../code-levels.ts";
import type { Codec, EncodeOptions } from "../codec.ts";
import { bitPairPart, bitsPart, halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import {
  forEachSuperBlock,
  weighByImportance,
  recode,
  storeBitPairs,
  sumOfSquares,
  SUPER_BLOCK,
  weightedSearch,
} from "./k-groups.ts";
import { searchPositiveScale } from "./k-positive.ts";
import { nearestInt, searchScaleAndMin } from "./k-search.ts";
import type { ScaleMinSearch } from "./k-search.ts";
import { codesField, halfField, scaleField, uniformFormat } from "../uniform-format.ts";

const fround = Math.fround;
const BLOCK_BYTES = 84;
const QS = 16;
const D = 80;
const DMIN = 82;
const GROUP = 16;
const GROUPS = SUPER_BLOCK / GROUP;
const PLAIN: ScaleMinSearch = { maxCode: 3, first: -0.5, step: fround(0.1), steps: 15, isAbsolute: true };
const WEIGHTED = weightedSearch(3);

const codes = new Uint8Array(SUPER_BLOCK);
const scales = new Float32Array(GROUPS);
const mins = new Float32Array(GROUPS);
const errorWeights = new Float32Array(GROUP);
const groupErrorWeights = new Float32Array(GROUPS);
const scaleCodes = new Uint8Array(GROUPS);
const minCodes = new Uint8Array(GROUPS);

function encode(src: Float32Array, dst: Uint8Array, options: EncodeOptions): void {
  forEachSuperBlock(src, options, (x, importance, block) => {
    const at = block * BLOCK_BYTES;
    if (importance === undefined) findScales(x, dst, at);
    else findWeightedScales(x, importance, dst, at);

    const d = readF16(dst, at + D);
    const dmin = readF16(dst, at + DMIN);
    for (let j = 0; j < GROUPS; j++) {
      const packed = scaleCodes[j]! | (minCodes[j]! << 4);
      dst[at + j] = packed;
      const min = fround(dmin * ((packed >> 4) & 15));
      recode(x, j * GROUP, GROUP, fround(d * (packed & 15)), min, 0, 3, codes);
    }
    storeBitPairs(codes, dst, at + QS);
  });
}

/** The largest scale (minimum) becomes 15, the others follow. */
function findScales(x: Float32Array, dst: Uint8Array, at: number): void {
  let maxScale = 0;
  let maxMin = 0;
  for (let j = 0; j < GROUPS; j++) {
    for (let i = 0; i < GROUP; i++) errorWeights[i] = Math.abs(x[j * GROUP + i]!);
    searchScaleAndMin(x, j * GROUP, GROUP, errorWeights, PLAIN, codes, j * GROUP, scales, mins, j);
    if (scales[j]! > maxScale) maxScale = scales[j]!;
    if (mins[j]! > maxMin) maxMin = mins[j]!;
  }
  const inverseScale = fround(15 / maxScale);
  const inverseMin = fround(15 / maxMin);
  for (let j = 0; j < GROUPS; j++) {
    scaleCodes[j] = maxScale > 0 ? nearestInt(fround(inverseScale * scales[j]!)) : 0;
    minCodes[j] = maxMin > 0 ? nearestInt(fround(inverseMin * mins[j]!)) : 0;
  }
  writeF16(dst, at + D, maxScale / 15);
  writeF16(dst, at + DMIN, maxMin / 15);
}

/** Scales of the scales and minima are searched for, weighted by the sums of the groups' error weights. */
function findWeightedScales(x: Float32Array, importance: Float32Array, dst: Uint8Array, at: number): void {
  const spread = fround(sumOfSquares(x, 0, SUPER_BLOCK) / SUPER_BLOCK);
  for (let j = 0; j < GROUPS; j++) {
    groupErrorWeights[j] = weighByImportance(x, j * GROUP, importance, spread, errorWeights);
    searchScaleAndMin(x, j * GROUP, GROUP, errorWeights, WEIGHTED, codes, j * GROUP, scales, mins, j);
  }
  writeF16(dst, at + D, searchPositiveScale(scales, 15, groupErrorWeights, scaleCodes));
  writeF16(dst, at + DMIN, searchPositiveScale(mins, 15, groupErrorWeights, minCodes));
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let at = 0, out = 0; at < src.length; at += BLOCK_BYTES) {
    const d = readF16(src, at + D);
    const dmin = readF16(src, at + DMIN);
    for (let j = 0; j < GROUPS; j++) {
      const packed = src[at + j]!;
      const scale = fround(d * (packed & 15));
      const min = fround(dmin * (packed >> 4));
      const bytes = at + QS + 32 * (j >> 3) + 16 * (j & 1);
      const shift = 2 * ((j >> 1) & 3);
      for (let i = 0; i < GROUP; i++) dst[out++] = fround(scale * ((src[bytes + i]! >> shift) & 3)) - min;
    }
  }
}

export const q2_K: Codec = Object.freeze({
  ...uniformFormat({
    name: "q2_K",
    about: "2-bit codes, 4-bit scales and minima per 16, in blocks of 256",
    ggmlType: 10,
    blockSize: SUPER_BLOCK,
    fields: [
      scaleField("scales", 16, "one byte per 16 elements: 4-bit scale low, 4-bit minimum high"),
      codesField(
        "qs",
        64,
        "2-bit codes; of each 128 elements byte i (0-31) holds elements i, i + 32, i + 64, i + 96, lowest first",
      ),
      halfField("d", "scale of the sixteen scales"),
      halfField("dmin", "scale of the sixteen minima"),
    ],
    levels: consecutiveLevels(2, 0),
    parts: (j) => [
      bitPairPart("qs", j, "code"),
      bitsPart("scales", "scale", (j >> 4) * 8, 4),
      bitsPart("scales", "minimum", (j >> 4) * 8 + 4, 4),
      halfPart("d", "scale of scales"),
      halfPart("dmin", "scale of minima"),
    ],
    fallback: "q4_0",
  }),
  encode,
  decode,
});
