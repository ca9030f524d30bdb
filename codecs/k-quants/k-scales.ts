/**
 * The 6-bit numbers of K-quant super-blocks, packed into 12 bytes.
 *
 * q4_K and q5_K, eight scales S and eight minima M: bytes 0-3 hold S0-S3 and bytes 4-7 hold M0-M3 in their low six bits;
 * bytes 8-11 hold the low nibbles of S4-S7 (low) and M4-M7 (high), whose upper two bits sit on top of bytes 0-3 (S)
 * and 4-7 (M).
 * q3_K, sixteen scales, stored plus 32: bytes 0-7 hold the low nibbles of S0-S7 (low) and S8-S15 (high); byte 8 + j % 4
 * holds the upper two bits of S(j), at bit 2 * floor(j / 4).
 */

/** Bytes of packed scales in q3_K, q4_K and q5_K. */
export const PACKED_SCALE_BYTES = 12;

/**
 * Packs eight scales and eight minima (q4_K, q5_K).
 * Numbers above 63 spill into their neighbours' bits, exactly as in ggml: its importance-weighted q4_K search leaves
 * such numbers when a scale is negative.
 */
export function packScalesAndMins(scales: Uint8Array, mins: Uint8Array, dst: Uint8Array, offset: number): void {
  for (let j = 0; j < 4; j++) {
    dst[offset + j] = scales[j]! | ((scales[j + 4]! >> 4) << 6);
    dst[offset + j + 4] = mins[j]! | ((mins[j + 4]! >> 4) << 6);
    dst[offset + j + 8] = (scales[j + 4]! & 15) | ((mins[j + 4]! & 15) << 4);
  }
}

/** Scale `j` of q4_K or q5_K, 0 ... 63. */
export function packedScale(bytes: Uint8Array, offset: number, j: number): number {
  if (j < 4) return bytes[offset + j]! & 63;
  return (bytes[offset + j + 4]! & 15) | ((bytes[offset + j - 4]! >> 6) << 4);
}

/** Minimum `j` of q4_K or q5_K, 0 ... 63. */
export function packedMin(bytes: Uint8Array, offset: number, j: number): number {
  if (j < 4) return bytes[offset + j + 4]! & 63;
  return (bytes[offset + j + 4]! >> 4) | ((bytes[offset + j]! >> 6) << 4);
}

/** Packs sixteen scales, each already plus 32, 0 ... 63 (q3_K). */
export function packSignedScales(scales: Uint8Array, dst: Uint8Array, offset: number): void {
  for (let j = 0; j < 8; j++) dst[offset + j] = (scales[j]! & 15) | ((scales[j + 8]! & 15) << 4);
  for (let j = 0; j < 4; j++) {
    dst[offset + 8 + j] =
      (scales[j]! >> 4) | ((scales[j + 4]! >> 4) << 2) | ((scales[j + 8]! >> 4) << 4) | ((scales[j + 12]! >> 4) << 6);
  }
}

/** Scale `j` of q3_K, -32 ... 31. */
export function packedSignedScale(bytes: Uint8Array, offset: number, j: number): number {
  const low = j < 8 ? bytes[offset + j]! & 15 : bytes[offset + j - 8]! >> 4;
  const high = (bytes[offset + 8 + (j & 3)]! >> (2 * (j >> 2))) & 3;
  return (low | (high << 4)) - 32;
}

/**
 * Where bit `bit` (0..5) of the 6-bit number `index` (0..7) lies in the 12 bytes of q4_K's and q5_K's `scales`. Low
 * four numbers whole in bytes 0..3 (scales) and 4..7 (minima); the upper four split: low nibbles in bytes 8..11,
 * high bit pairs on top of bytes 0..7.
 */
export function sixBitPosition(kind: "scale" | "minimum", index: number, bit: number): number {
  const first = kind === "scale" ? 0 : 4;
  if (index < 4) return (first + index) * 8 + bit;
  if (bit < 4) return (4 + index) * 8 + first + bit;
  return (first + index - 4) * 8 + 2 + bit;
}
