/**
 * What a tensor gets when its rows do not divide by the block size of the wanted type. The first step is a fact of the
 * type (`BlockFormat.fallback`), for stock types llama.cpp's (2026); where that fails too, and for types without one
 * (q4_0 on rows of 172, where some versions of llama.cpp stop), the tensor becomes f16, which fits every shape.
 */
import { findFormat } from "../../../codecs/registry.ts";

/** True when rows of that length divide into blocks of the format; false for formats nobody knows. */
export function rowsFit(codec: string, rowLength: number): boolean {
  const format = findFormat(codec);
  return format !== undefined && rowLength % format.blockSize === 0;
}

/** The type for rows of `rowLength` weights where `codec` was wanted: `codec` itself when it fits. */
export function shapeFallback(codec: string, rowLength: number): string {
  if (rowsFit(codec, rowLength)) return codec;
  const next = findFormat(codec)?.fallback;
  return next !== undefined && rowsFit(next, rowLength) ? next : "f16";
}
