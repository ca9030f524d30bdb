/**
 * tq1_0 and tq2_0: 256 weights as -1, 0, 1 with one f16 scale.
 *
 * d = max|x|, t = round(x * (1/d)) with halves away from zero. Value: d * t. Meant for models trained ternary: any other
 * loses most of its weights to zero.
 *
 * tq2_0 stores t + 1 in two bits: byte m of a run of 32 has the elements m, m + 32, m + 64, m + 96, lowest bits first.
 * tq1_0 stores five in a byte: as the base-3 number q = t0 t1 t2 t3 t4 (+1 each), scaled to ceil(q * 256 / 243), so
 * that multiplying by 3 brings digit after digit into the bits above eight.
 */
import type { Codec, ElementPart } from "../codec.ts";
import { bitPairPart, bitsPart, halfPart } from "../element-parts.ts";
import { readF16, writeF16 } from "../floats/half.ts";
import { codesField, halfField, uniformFormat } from "../uniform-format.ts";
import { roundHalfAway } from "../x86.ts";

const fround = Math.fround;
const BLOCK_SIZE = 256;

/** tq1_0's bytes: how many there are, how many digits each has, and the distance between the elements of a byte. */
const TQ1_RUNS = [
  { bytes: 32, digits: 5, element: 0, byte: 0 },
  { bytes: 16, digits: 5, element: 160, byte: 32 },
  { bytes: 4, digits: 4, element: 240, byte: 48 },
] as const;
const TQ1_BYTES = 54;
const TQ2_BYTES = 66;

/** Scale of the block and its inverse; a NaN is forgotten by the next weight, as in C's (a > b ? a : b). */
function largestMagnitude(src: Float32Array, start: number): number {
  let largest = 0;
  for (let j = start; j < start + BLOCK_SIZE; j++) {
    const magnitude = Math.abs(src[j]!);
    largest = largest > magnitude ? largest : magnitude;
  }
  return largest;
}

/** t + 1; what is not finite after scaling counts as 0. */
function digit(x: number, inverse: number): number {
  return (roundHalfAway(fround(x * inverse)) | 0) + 1;
}

function encodeTq1(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += TQ1_BYTES) {
    const d = largestMagnitude(src, i);
    const inverse = d !== 0 ? fround(1 / d) : 0;
    for (const { bytes, digits, element, byte } of TQ1_RUNS) {
      for (let m = 0; m < bytes; m++) {
        let number = 0;
        for (let n = 0; n < 5; n++) {
          const next = n < digits ? digit(src[i + element + m + n * bytes]!, inverse) : 0;
          number = (number * 3 + next) & 0xff;
        }
        dst[at + byte + m] = (number * 256 + 242) / 243;
      }
    }
    writeF16(dst, at + 52, d);
  }
}

function decodeTq1(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += TQ1_BYTES) {
    const d = readF16(src, at + 52);
    for (const { bytes, digits, element, byte } of TQ1_RUNS) {
      for (let m = 0; m < bytes; m++) {
        let rest = src[at + byte + m]!;
        for (let n = 0; n < digits; n++) {
          dst[i + element + m + n * bytes] = d * (((rest * 3) >> 8) - 1);
          rest = (rest * 3) & 0xff;
        }
      }
    }
  }
}

function encodeTq2(src: Float32Array, dst: Uint8Array): void {
  for (let i = 0, at = 0; i < src.length; i += BLOCK_SIZE, at += TQ2_BYTES) {
    const d = largestMagnitude(src, i);
    const inverse = d !== 0 ? fround(1 / d) : 0;
    for (let m = 0; m < 64; m++) {
      const element = i + (m & 31) + 4 * (m & 32);
      let byte = 0;
      for (let n = 0; n < 4; n++) byte |= (digit(src[element + 32 * n]!, inverse) & 3) << (2 * n);
      dst[at + m] = byte;
    }
    writeF16(dst, at + 64, d);
  }
}

function decodeTq2(src: Uint8Array, dst: Float32Array): void {
  for (let i = 0, at = 0; at < src.length; i += BLOCK_SIZE, at += TQ2_BYTES) {
    const d = readF16(src, at + 64);
    for (let m = 0; m < 64; m++) {
      const element = i + (m & 31) + 4 * (m & 32);
      for (let n = 0; n < 4; n++) dst[element + 32 * n] = d * (((src[at + m]! >> (2 * n)) & 3) - 1);
    }
  }
}

/** Five digits share a byte: the part is the byte, and its label says which digit. */
function tq1Parts(column: number): readonly ElementPart[] {
  const [field, byte, digitNumber] =
    column < 160
      ? (["qs", column % 32, column >> 5] as const)
      : column < 240
        ? (["qs", 32 + ((column - 160) % 16), (column - 160) >> 4] as const)
        : (["qh", (column - 240) % 4, (column - 240) >> 2] as const);
  return [bitsPart(field, `ternary digit ${digitNumber} of the byte`, byte * 8, 8), halfPart("d", "scale")];
}

export const tq1_0: Codec = Object.freeze({
  ...uniformFormat({
    name: "tq1_0",
    about: "ternary, five weights to a byte",
    ggmlType: 34,
    blockSize: BLOCK_SIZE,
    fields: [
      codesField("qs", 48, "five base-3 digits a byte: 32 bytes for elements 32 apart, then 16 for elements 16 apart"),
      codesField("qh", 4, "four base-3 digits a byte: the last 16 elements, 4 apart"),
      halfField("d", "scale"),
    ],
    parts: tq1Parts,
    fallback: "q4_0",
  }),
  encode: encodeTq1,
  decode: decodeTq1,
});

export const tq2_0: Codec = Object.freeze({
  ...uniformFormat({
    name: "tq2_0",
    about: "ternary, four weights to a byte",
    ggmlType: 35,
    blockSize: BLOCK_SIZE,
    fields: [
      codesField("qs", 64, "two bits each: byte m of a run of 32 has elements m, m + 32, m + 64, m + 96"),
      halfField("d", "scale"),
    ],
    parts: (j) => [bitPairPart("qs", j, "code"), halfPart("d", "scale")],
    fallback: "q4_0",
  }),
  encode: encodeTq2,
  decode: decodeTq2,
});
