/**
 * What a tensor gets when its rows do not divide by the block size of the wanted type. The first step is llama.cpp's
 * (2026); where that fails too, and for types without a next one (q4_0 on rows of 172, where some versions of llama.cpp
 * stop), the tensor becomes f16, which fits every shape.
 */
import { findFormat } from "../../../codecs/registry.ts";

const NEXT: Readonly<Record<string, string>> = {
  iq4_xs: "iq4_nl",
  q2_0: "q4_0",
  q2_K: "q4_0",
  q3_K: "q4_0",
  tq1_0: "q4_0",
  tq2_0: "q4_0",
  q4_K: "q5_0",
  q5_K: "q5_1",
  q6_K: "q8_0",
};

/** True when rows of that length divide into blocks of the format; false for formats nobody knows. */
export function rowsFit(codec: string, rowLength: number): boolean {
  const format = findFormat(codec);
  return format !== undefined && rowLength % format.blockSize === 0;
}

/** The type for rows of `rowLength` weights where `codec` was wanted: `codec` itself when it fits. */
export function shapeFallback(codec: string, rowLength: number): string {
  if (rowsFit(codec, rowLength)) return codec;
  // A codebook of groups of 64 has its sister of groups of 32.
  const next = NEXT[codec] ?? (codec.endsWith("_g64") ? codec.slice(0, -4) : undefined);
  return next !== undefined && rowsFit(next, rowLength) ? next : "f16";
}
