import { describe, expect, test } from "vitest";
import { prepareDecoding } from "#dist/codecs/codebooks/prepare-codebook.js";
import { rowBytes } from "#dist/codecs/codec.js";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { layoutTable } from "#dist/layouts/layout-table.js";
import { pack } from "#dist/layouts/pack.js";
import { layoutsOf } from "#dist/layouts/registry.js";
import { gemm } from "#dist/src/kernels/gemm.js";
import { expandedRowBytes, isSuperKernel, kernelNumber, kernelScratchBytes } from "#dist/src/kernels/kernel-numbers.js";
import { quantizeActivations, readActivations } from "#dist/src/kernels/quantize-activations.js";
import { findView } from "#dist/src/kernels/views.js";
import { noise, someCodebook } from "../support/kernel-inputs.ts";
import { wasmInstance } from "../support/wasm.ts";

const wasm = wasmInstance(64);
const { memory } = wasm;
const bytes = new Uint8Array(memory.buffer);
const [TABLE, BOOK, SRC, ACTS, PACKED, OUT, SCRATCH] = [1, 2, 4, 8, 16, 32, 48].map((n) => n << 16) as [
  number,
  number,
  number,
  number,
  number,
  number,
  number,
];

const ROW_LENGTH = 512;

describe("activations: the twin has the definition's codes, sums and scales", () => {
  for (const kind of ["q8_0", "q8_K"] as const)
    test(kind, () => {
      const x = noise(3 * ROW_LENGTH, 9);
      x.fill(0, 0, 256);
      x.set([1e-45, -1e-45, NaN, 3e38, -3e38, 0.5, 1.5, -2.5], 300);
      x.fill(1e-44, 512, 768);
      const isSuper = kind === "q8_K";
      const want = readActivations(kind, quantizeActivations(kind, x, ROW_LENGTH), ROW_LENGTH);
      new Float32Array(memory.buffer, SRC, x.length).set(x);
      wasm.quantize_activations(SRC, ACTS, 3, ROW_LENGTH, isSuper ? 1 : 0);
      for (let row = 0; row < 3; row++) {
        const at = ACTS + row * expandedRowBytes(ROW_LENGTH, isSuper);
        const codes = new Int16Array(memory.buffer, at, ROW_LENGTH);
        const sums = new Int16Array(memory.buffer, at + ROW_LENGTH * 2, ROW_LENGTH / 16);
        const blocks = ROW_LENGTH / (isSuper ? 256 : 32);
        const scales = new Float32Array(memory.buffer, at + ROW_LENGTH * 2 + ROW_LENGTH / 8, blocks);
        expect([...codes]).toEqual([...want.codes.subarray(row * ROW_LENGTH, (row + 1) * ROW_LENGTH)]);
        expect([...sums]).toEqual([...want.sums.subarray((row * ROW_LENGTH) / 16, ((row + 1) * ROW_LENGTH) / 16)]);
        expect([...scales]).toEqual([...want.scales.subarray(row * blocks, (row + 1) * blocks)]);
      }
    });
});

describe("kernels: the twin has the definition's bits, for any bytes, in every layout", () => {
  for (const format of allFormats()) {
    const view = findView(format);
    if (view === undefined) continue;
    for (const layout of layoutsOf(format))
      test(`${format.name} ${layout.name}`, () => {
        // Five rows are a tile and a part of one; interleaved layouts take whole groups.
        const rows = layout.rowsPerGroup === 1 ? 5 : layout.rowsPerGroup * 2;
        const rowSize = rowBytes(format, ROW_LENGTH);
        const codebook = isCodebookFormat(format) ? someCodebook(format) : undefined;
        const rowMajor = Uint8Array.from(noise(rows * rowSize, 21), (x) => Math.abs(x) * 256);
        const packed = new Uint8Array(rowMajor.length);
        pack(layout, rowMajor, packed, rows, rowSize);
        const kernel = kernelNumber(format)!;
        const isSuper = isSuperKernel(kernel);
        expect(isSuper).toBe(view.activation === "q8_K");
        bytes.set(layoutTable(layout), TABLE);
        bytes.set(packed, PACKED);
        if (isCodebookFormat(format)) bytes.set(prepareDecoding(format, codebook!), BOOK);
        for (const actRows of [1, 2, 4, 7]) {
          const x = noise(actRows * ROW_LENGTH, 33);
          const acts = readActivations(
            view.activation,
            quantizeActivations(view.activation, x, ROW_LENGTH),
            ROW_LENGTH,
          );
          const want = new Float32Array(actRows * rows);
          gemm({ layout, bytes: packed, rows, rowLength: ROW_LENGTH, codebook }, acts, want);
          new Float32Array(memory.buffer, SRC, x.length).set(x);
          wasm.quantize_activations(SRC, ACTS, actRows, ROW_LENGTH, isSuper ? 1 : 0);
          const end = SCRATCH + kernelScratchBytes(actRows);
          bytes.fill(0x5a, SCRATCH, end + 64);
          wasm.kernel_gemm(kernel, PACKED, rows, ROW_LENGTH, TABLE, ACTS, actRows, OUT, rows, BOOK, SCRATCH);
          const got = new Float32Array(memory.buffer, OUT, want.length);
          expect([...got]).toEqual([...want]);
          expect(bytes.subarray(end, end + 64).every((byte) => byte === 0x5a)).toBe(true);
        }
      });
  }
});
