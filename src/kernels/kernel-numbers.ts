/**
 * What a caller of the SIMD kernels needs beside their addresses: the number of a format's kernel, and sizes.
 *
 * How to multiply, with an instance of src/wasm/wasm-exports.ts (all addresses multiples of 16, 64 readable bytes after each buffer):
 *
 *   quantize_activations(src, acts, actRows, rowLength, isSuper)          f32 rows to 8-bit rows
 *   kernel_gemm(kernel, packed, rows, rowLength, layout, acts, actRows, out, outStride, prepared, scratch)
 *
 * with `kernel = kernelNumber(format)`, `isSuper = isSuperKernel(kernel) ? 1 : 0`, `layout` a copy of
 * `layoutTable(layout)` (also for the layout `rows`), `prepared` a copy of a prepared codebook, as
 * `prepareDecoding` or `prepareCodebook` makes it (0 for formats without), `scratch` of `kernelScratchBytes(actRows)`
 * bytes. One activation row is a matrix-vector product. `out[act * outStride + row]` is f32 with the bits that `gemm`
 * gives. `rows` is any number in `rows`, a multiple of the rows per group otherwise; a band of rows gives the same bits
 * as the whole matrix.
 */
import type { BlockFormat } from "../../codecs/codec.ts";
import { isCodebookFormat } from "../../codecs/registry.ts";

/** The numbers in simd/expand.ts. */
const NUMBERS: Readonly<Record<string, number>> = {
  q4_0: 0,
  q4_1: 1,
  q5_0: 2,
  q5_1: 3,
  q8_0: 4,
  iq4_nl: 5,
  mxfp4: 6,
  nvfp4: 7,
  q1_0: 8,
  q2_0: 9,
  q2_K: 10,
  q3_K: 11,
  q4_K: 12,
  q5_K: 13,
  q6_K: 14,
  iq4_xs: 15,
  tq2_0: 16,
  tq1_0: 17,
};
const CODEBOOK_32 = 18;
const CODEBOOK_64 = 19;

/** The kernel of a format; undefined for formats without one. */
export function kernelNumber(format: BlockFormat): number | undefined {
  if (isCodebookFormat(format)) return format.blockSize === 32 ? CODEBOOK_32 : CODEBOOK_64;
  return NUMBERS[format.name];
}

/** True for kernels that multiply with q8_K super-blocks of activations. */
export function isSuperKernel(kernel: number): boolean {
  return kernel >= 10 && kernel <= 17;
}

/** Bytes of one row of `quantize_activations`. */
export function expandedRowBytes(rowLength: number, isSuper: boolean): number {
  const bytes = rowLength * 2 + rowLength / 8 + (rowLength / (isSuper ? 256 : 32)) * 4;
  return Math.ceil(bytes / 16) * 16;
}

/** Bytes that `kernel_gemm` uses at `scratch`: the tile, and the sums of up to 16 rows. */
export function kernelScratchBytes(activationRows: number): number {
  return 8192 + 64 * activationRows;
}
