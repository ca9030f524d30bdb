/** How blocks of 32 weights with four or five bits store their codes: element j beside element j + 16. */
import type { ElementPart, Field } from "../codec.ts";
import { bitsPart, nibblePart } from "../element-parts.ts";
import { codesField } from "../uniform-format.ts";

/** Low four bits of 32 codes as 16 bytes: code j in the low half of byte j, code j + 16 in the high half. */
export function writeNibbles(dst: Uint8Array, at: number, codes: Uint8Array): void {
  for (let j = 0; j < 16; j++) dst[at + j] = (codes[j]! & 15) | (codes[j + 16]! << 4);
}

/** Inverse of `writeNibbles`. */
export function readNibbles(src: Uint8Array, at: number, codes: Uint8Array): void {
  for (let j = 0; j < 16; j++) {
    codes[j] = src[at + j]! & 15;
    codes[j + 16] = src[at + j]! >> 4;
  }
}

/** Where the fifth bits of 32 codes lie. */
export const fifthBitsField: Field = codesField(
  "qh",
  4,
  "fifth bits: bit j of the little-endian word belongs to element j",
);

/** The fifth bits of 32 codes as four bytes: bit j of the little-endian word belongs to code j. */
export function writeFifthBits(dst: Uint8Array, at: number, codes: Uint8Array): void {
  dst.fill(0, at, at + 4);
  for (let j = 0; j < 32; j++) dst[at + (j >> 3)]! |= ((codes[j]! >> 4) & 1) << (j & 7);
}

/** Adds the fifth bits, as `writeFifthBits` has them, to codes of four bits. */
export function addFifthBits(src: Uint8Array, at: number, codes: Uint8Array): void {
  for (let j = 0; j < 32; j++) codes[j]! |= ((src[at + (j >> 3)]! >> (j & 7)) & 1) << 4;
}

/** Where the code of element `j` lies: its nibble in `qs`, and its fifth bit in `qh`. */
export function codeParts(j: number, hasFifth: boolean): readonly ElementPart[] {
  return hasFifth ? [nibblePart("qs", j, 16, "low bits"), bitsPart("qh", "high bit", j, 1)] : [nibblePart("qs", j, 16)];
}
