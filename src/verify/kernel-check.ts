/**
 * Runs the kernels on written bytes and compares their products with those of the original weights:
 *
 *   products[0] += sum (y - y')^2      products[1] += sum y^2
 *
 * y is the float product with seeded activations, y' what the kernel makes of packed weights and 8-bit activations. So
 * this checks the very bytes in the very order in which an inference program will read them.
 */
import type { Codebook } from "../../codecs/codec.ts";
import type { Weave } from "../../layouts/layout.ts";
import { gemv } from "../kernels/gemm.ts";
import { ACTIVATION_BLOCK } from "../kernels/integer-view.ts";
import { quantizeActivations, readActivations, type Activations } from "../kernels/quantize-activations.ts";
import { findView } from "../kernels/views.ts";
import { seededActivations } from "./seeded-activations.ts";

/** Rows per sample: a multiple of every layout's group of rows. */
const SAMPLE_ROWS = 16;
/** One sample per this many weights; bands have 16 times as many, so a sixteenth of the work is done twice. */
const SAMPLE_WEIGHTS = 2 ** 16;

/**
 * How many rows at the start of a band are checked: 16 of those bands that keep the share of checked weights near a
 * sixteenth, none of the others. It depends on the shape alone.
 */
export function sampledRows(bandIndex: number, rowLength: number): number {
  const step = Math.ceil((SAMPLE_ROWS * rowLength) / SAMPLE_WEIGHTS);
  return bandIndex % step === 0 ? SAMPLE_ROWS : 0;
}

export interface KernelCheck {
  readonly x: Float32Array;
  readonly activations: Activations;
}

/** What is needed to check matrices of a format and row length; undefined where there is no kernel for them. */
export function kernelCheckOf(weave: Weave, rowLength: number): KernelCheck | undefined {
  const view = findView(weave.format);
  if (view === undefined || rowLength % ACTIVATION_BLOCK[view.activation] !== 0) return undefined;
  const x = seededActivations(rowLength);
  const blocks = quantizeActivations(view.activation, x, rowLength);
  return { x, activations: readActivations(view.activation, blocks, rowLength) };
}

/** Rows that a check looks at: packed as written, and as they were. */
export interface CheckedRows {
  readonly weave: Weave;
  readonly bytes: Uint8Array;
  readonly weights: Float32Array;
  readonly rows: number;
  readonly codebook: Codebook | undefined;
}

/** Adds the errors of `rows` products to `products[0 ... 1]`. */
export function addProductErrors(
  { x, activations }: KernelCheck,
  { weave, bytes, weights, rows, codebook }: CheckedRows,
  products: Float64Array,
): void {
  const found = new Float32Array(rows);
  const rowLength = x.length;
  gemv({ weave, bytes, rows, rowLength, ...(codebook === undefined ? {} : { codebook }) }, activations, found);
  for (let row = 0; row < rows; row++) {
    let expected = 0;
    for (let column = 0; column < rowLength; column++) expected += weights[row * rowLength + column]! * x[column]!;
    products[0]! += (expected - found[row]!) ** 2;
    products[1]! += expected ** 2;
  }
}
