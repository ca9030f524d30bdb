/**
 * mxfp4 (OCP microscaling): 32 weights as 4-bit floats with one scale that is a power of two.
 *
 * e = floor(log2 max|x|) - 2 + 127, so that the largest weight falls into [4, 8) of the range up to 6. Codes: nearest of
 * the 16 values. Value: 2^(e - 127) * float. In ggml the logarithm is rounded to f32 before its floor, so maxima just below
 * a power of two may count as that power; e is a byte and wraps, as in ggml, for maxima below 2^-125.
 */
import type { Codec } from "../codec.ts";
import { bitsPart, nibblePart } from "../element-parts.ts";
import { E2M1_DOUBLED, nearestE2m1 } from "./e2m1.ts";
import { f32Bits, f32FromBits } from "../floats/half.ts";
import { codesField, scaleField, uniformFormat } from "../uniform-format.ts";

const BLOCK_SIZE = 32;
const BLOCK_BYTES = 17;

/**
 * The byte floor(log2(x)) + 125, of a logarithm rounded to f32, without taking one: libraries differ in their last bits.
 * With k the exponent of the next power of two, the logarithm of 2^k (1 - u / 2^24) is k - u / (2^24 ln 2). It rounds to
 * k when that is less than half a unit in the last place below k, which is 2^(j - 24) with j = floor(log2(k - 1)) for
 * positive and floor(log2(-k)) for negative k. Checked against glibc's `log2f` around every power of two.
 * Zero and infinity give 0.
 */
function scaleByte(x: number): number {
  if (x === 0 || x === Infinity) return 0;
  // A subnormal has its leading bit below bit 23: shifted there, it lowers the exponent.
  const bits = f32Bits(x);
  const shift = Math.max(0, Math.clz32(bits) - 8);
  const exponent = shift === 0 ? (bits >>> 23) - 127 : -126 - shift;
  const significand = shift === 0 ? (bits & 0x7fffff) | 0x800000 : bits << shift;
  const k = exponent + 1;
  const distance = k > 0 ? k - 1 : -k;
  const reach = distance > 0 ? 2 ** (31 - Math.clz32(distance)) * Math.LN2 : 0;
  return ((0x1000000 - significand < reach ? k : exponent) + 125) & 0xff;
}

/** Half of 2^(e - 127), for the doubled floats. */
function halfScale(e: number): number {
  return f32FromBits(e < 2 ? 0x00200000 << e : (e - 1) << 23);
}

function encode(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    let largest = 0;
    for (let j = i; j < i + BLOCK_SIZE; j++) {
      const magnitude = Math.abs(src[j]!);
      if (largest < magnitude) largest = magnitude;
    }
    const e = scaleByte(largest);
    const d = halfScale(e);
    dst[at] = e;
    for (let j = 0; j < 16; j++) {
      dst[at + 1 + j] = nearestE2m1(src[i + j]!, d) | (nearestE2m1(src[i + 16 + j]!, d) << 4);
    }
  }
}

function decode(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += BLOCK_BYTES) {
    const d = halfScale(src[at]!);
    for (let j = 0; j < 16; j++) {
      dst[i + j] = d * E2M1_DOUBLED[src[at + 1 + j]! & 15]!;
      dst[i + 16 + j] = d * E2M1_DOUBLED[src[at + 1 + j]! >> 4]!;
    }
  }
}

export const mxfp4: Codec = Object.freeze({
  ...uniformFormat({
    name: "mxfp4",
    about: "4-bit floats, a power-of-two scale per 32",
    ggmlType: 39,
    blockSize: BLOCK_SIZE,
    fields: [
      scaleField("e", 1, "scale 2^(e - 127)"),
      codesField("qs", 16, "4-bit floats: byte j has element j low, element j + 16 high"),
    ],
    levels: Array.from(E2M1_DOUBLED),
    parts: (j) => [nibblePart("qs", j, 16), bitsPart("e", "exponent", 0, 8)],
  }),
  encode,
  decode,
});
