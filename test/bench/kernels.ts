// Our own kernels against each other, in one run: rows and interleaved layouts, one activation row (matrix-vector) and
// four and eight at a time (matrix-matrix). Cases take turns, so that a noisy machine hits all of them; medians.
//
//   npm run bench kernels
import { test } from "vitest";
import { prepareDecoding } from "#dist/codecs/codebooks/prepare-codebook.js";
import { rowBytes } from "#dist/codecs/codec.js";
import { findFormat, isCodebookFormat, resolveCodec } from "#dist/codecs/registry.js";
import type { Layout } from "#dist/layouts/layout.js";
import { layoutsOf } from "#dist/layouts/registry.js";
import { layoutTable } from "#dist/layouts/layout-table.js";
import { pack } from "#dist/layouts/pack.js";
import { isSuperKernel, kernelNumber } from "#dist/src/kernels/kernel-numbers.js";
import { noise, someCodebook } from "../support/kernel-inputs.ts";
import { wasmInstance } from "../support/wasm.ts";

const FORMATS = (process.env["FORMATS"] ?? "q4_0 q8_0 iq4_nl q4_cb q4_K q5_K q6_K").split(" ");
const ROWS = 512;
const ROW_LENGTH = 2048;
const ROUNDS = 41;
const WARM_UP = 6;

const wasm = wasmInstance(512);
const { memory } = wasm;
const bytes = new Uint8Array(memory.buffer);
const [TABLE, BOOK, SRC, ACTS, SCRATCH, OUT, PACKED] = [1, 2, 16, 32, 48, 64, 128].map((n) => n << 16) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

/**
 * Sixteen rows of noise encoded in the layout's format, interleaved, and repeated: real scales, no subnormal numbers.
 */
function makeWeights(layout: Layout): Uint8Array {
  const { format } = layout;
  const rows = 16;
  const rowMajor = new Uint8Array(rows * rowBytes(format, ROW_LENGTH));
  if (isCodebookFormat(format)) noise(rowMajor.length, 2).forEach((x, index) => (rowMajor[index] = Math.abs(x) * 200));
  else resolveCodec(format.name).encode!(noise(rows * ROW_LENGTH, 2), rowMajor, { rowLength: ROW_LENGTH });
  const packed = new Uint8Array(rowMajor.length);
  pack(layout, rowMajor, packed, rows, rowBytes(format, ROW_LENGTH));
  return packed;
}

interface Case {
  readonly layout: Layout;
  readonly weights: Uint8Array;
  readonly activationRows: number;
  readonly milliseconds: number[];
}

function run({ layout, weights, activationRows, milliseconds }: Case): void {
  const { format } = layout;
  const kernel = kernelNumber(format)!;
  for (let row = 0; row < ROWS; row += 16) bytes.set(weights, PACKED + (row / 16) * weights.length);
  bytes.set(layoutTable(layout), TABLE);
  if (isCodebookFormat(format)) bytes.set(prepareDecoding(format, someCodebook(format)), BOOK);
  wasm.quantize_activations(SRC, ACTS, activationRows, ROW_LENGTH, isSuperKernel(kernel) ? 1 : 0);
  const start = performance.now();
  wasm.kernel_gemm(kernel, PACKED, ROWS, ROW_LENGTH, TABLE, ACTS, activationRows, OUT, ROWS, BOOK, SCRATCH);
  milliseconds.push(performance.now() - start);
}

function median({ milliseconds }: Case): number {
  const timed = milliseconds.slice(WARM_UP).sort((a, b) => a - b);
  return timed[timed.length >> 1]!;
}

test("kernels, rows against interleaved", () => {
  new Float32Array(memory.buffer, SRC, 8 * ROW_LENGTH).set(noise(8 * ROW_LENGTH, 1));
  bytes.set(
    Uint8Array.from(noise(ROWS * ROW_LENGTH * 1.2, 2), (x) => Math.abs(x) * 64),
    PACKED,
  );
  const cases: Case[] = FORMATS.flatMap((name) => layoutsOf(findFormat(name)!))
    .filter(({ name }) => name !== "16x1")
    .flatMap((layout) => {
      const weights = makeWeights(layout);
      return [1, 4, 8].map((activationRows) => ({ layout, weights, activationRows, milliseconds: [] }));
    });
  for (let round = 0; round < ROUNDS + WARM_UP; round++) cases.forEach(run);
  console.log("GMAC/s, and in brackets the speed against the row-major matrix-vector kernel, repeated");
  console.log("format   layout  1 row         4 rows        8 rows");
  let base = 0;
  for (let at = 0; at < cases.length; at += 3) {
    const { layout } = cases[at]!;
    if (layout.name === "rows") base = median(cases[at]!);
    const cells = cases.slice(at, at + 3).map((each) => {
      const rate = (ROWS * ROW_LENGTH * each.activationRows) / median(each) / 1e6;
      return `${rate.toFixed(2)} (${((base * each.activationRows) / median(each)).toFixed(2)}x)`.padEnd(14);
    });
    console.log(`${layout.format.name.padEnd(8)} ${layout.name.padEnd(7)} ${cells.join("")}`);
  }
});
