import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rowBytes } from "#dist/codecs/codec.js";
import { allFormats, findFormat, isCodebookFormat, resolveCodec } from "#dist/codecs/registry.js";
import { layoutsOf } from "#dist/layouts/registry.js";
import { pack } from "#dist/layouts/pack.js";
import { gemm, gemv } from "#dist/src/kernels/gemm.js";
import { interleaveActivations, quantizeActivations, readActivations } from "#dist/src/kernels/quantize-activations.js";
import { findView } from "#dist/src/kernels/views.js";
import { noise, someCodebook } from "../support/kernel-inputs.ts";

const GOLDEN = new URL("../../fixtures/golden/", import.meta.url);
const ROWS = 16;
const COLUMNS = 512;

const golden = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, GOLDEN)));
const floats = (path: string): Float32Array => new Float32Array(golden(path).buffer);
const activations = floats("activations.f32");

/** The largest difference to the reference in units of its root mean square. */
function distance(y: ArrayLike<number>, reference: Float64Array): number {
  const rms = Math.hypot(...reference) / Math.sqrt(reference.length);
  return Math.max(...reference.map((value, index) => Math.abs(value - y[index]!))) / rms;
}

describe("activations are quantized to ggml's bytes", () => {
  for (const kind of ["q8_0", "q8_K"] as const) {
    const rows = quantizeActivations(kind, activations, COLUMNS);
    test(`${kind}, row by row`, () => expect(Buffer.compare(rows, golden(`act/act.${kind}.bin`))).toBe(0));
    for (const chunk of [4, 8] as const)
      test(`${kind}, four rows interleaved in chunks of ${chunk}`, () => {
        const interleaved = interleaveActivations(kind, rows, COLUMNS, chunk);
        expect(Buffer.compare(interleaved, golden(`act/act.${kind}_4x${chunk}.bin`))).toBe(0);
      });
    test(`${kind}: exact halves go to even`, () => {
      const rowLength = 256;
      const ties = quantizeActivations(kind, floats("ties/ties.f32"), rowLength);
      const suffix = kind === "q8_0" ? ".rne.bin" : ".bin";
      expect(Buffer.compare(ties, golden(`ties/${kind}${suffix}`))).toBe(0);
      const interleaved = interleaveActivations(kind, ties, rowLength, 8);
      expect(Buffer.compare(interleaved, golden(`ties/${kind}_4x8${suffix}`))).toBe(0);
    });
  }
  test("values that overflow 1/d stay within the codes, NaN counts as zero", () => {
    const x = new Float32Array(256).fill(1e-45);
    x[1] = -1e-45;
    x[2] = NaN;
    for (const kind of ["q8_0", "q8_K"] as const) {
      const { codes } = readActivations(kind, quantizeActivations(kind, x, 256), 256);
      expect([...codes].every((code) => Math.abs(code) <= 127)).toBe(true);
      expect(codes[2]).toBe(0);
    }
  });
  test("rows that do not divide are refused", () => {
    expect(() => quantizeActivations("q8_K", new Float32Array(128), 128)).toThrow("q8_K needs blocks of 256");
  });
});

describe("products are near those of the decoded weights and activations", () => {
  const types = readdirSync(new URL("ref/", GOLDEN)).flatMap((file) => /^(.*)\.deqw_deqa/.exec(file)?.[1] ?? []);
  for (const type of types.filter((type) => findFormat(type) !== undefined))
    test(type, () => {
      const format = findFormat(type)!;
      const { activation } = findView(format)!;
      const acts = readActivations(activation, quantizeActivations(activation, activations, COLUMNS), COLUMNS);
      const reference = new Float64Array(golden(`ref/${type}.deqw_deqa.n8.f64`).buffer);
      const rows = golden(`rowmajor/${type}.rowmajor.bin`);
      const y = new Float32Array(8 * ROWS);
      gemm({ layout: layoutsOf(format)[0]!, bytes: rows, rows: ROWS, rowLength: COLUMNS }, acts, y);
      expect(distance(y, reference)).toBeLessThan(1e-4);
      for (const build of readdirSync(new URL("out/", GOLDEN)))
        for (const kind of ["plain", "repack"]) {
          const path = `out/${build}/${type}.${kind}.n8.f32`;
          if (!existsSync(new URL(path, GOLDEN))) continue;
          expect(`${path} ${distance(floats(path), Float64Array.from(y)) < 1e-4}`).toBe(`${path} true`);
        }
    });
});

describe("products are those of the codec's own decoder, and equal in every layout", () => {
  const rowLength = 512;
  const rows = 16;
  for (const format of allFormats()) {
    const view = findView(format);
    if (view === undefined) continue;
    test(format.name, () => {
      const codebook = isCodebookFormat(format) ? someCodebook(format) : undefined;
      const codec = resolveCodec(format.name, codebook);
      const bytes = new Uint8Array(rows * rowBytes(format, rowLength));
      if (codebook === undefined) codec.encode!(noise(rows * rowLength, 1), bytes, { rowLength });
      else noise(bytes.length, 2).forEach((x, index) => (bytes[index] = Math.abs(x) * 256));
      const weights = new Float32Array(rows * rowLength);
      codec.decode(bytes, weights);
      const acts = readActivations(
        view.activation,
        quantizeActivations(view.activation, noise(5 * rowLength, 3), rowLength),
        rowLength,
      );
      const block = (rowLength * acts.rows) / acts.scales.length;
      const reference = new Float64Array(acts.rows * rows);
      for (let act = 0; act < acts.rows; act++)
        for (let row = 0; row < rows; row++)
          for (let j = 0; j < rowLength; j++) {
            const at = act * rowLength + j;
            reference[act * rows + row]! +=
              weights[row * rowLength + j]! * acts.codes[at]! * acts.scales[Math.floor(at / block)]!;
          }
      let first: Float32Array | undefined;
      for (const layout of layoutsOf(format)) {
        const packed = new Uint8Array(bytes.length);
        pack(layout, bytes, packed, rows, rowBytes(format, rowLength));
        const matrix = { layout, bytes: packed, rows, rowLength, codebook };
        const y = new Float32Array(acts.rows * rows);
        gemm(matrix, acts, y);
        first ??= y;
        expect(distance(y, reference)).toBeLessThan(1e-5);
        expect(y).toEqual(first);
      }
      const alone = new Float32Array(rows);
      const { kind, scales, codes, sums } = acts;
      const one = { kind, rows: 1, rowLength, codes: codes.subarray(0, rowLength), scales, sums };
      gemv({ layout: layoutsOf(format)[0]!, bytes, rows, rowLength, codebook }, one, alone);
      expect(alone).toEqual(first!.subarray(0, rows));
    });
  }
});
