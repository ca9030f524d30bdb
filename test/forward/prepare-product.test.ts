import { describe, expect, test } from "vitest";
import { rowBytes } from "#dist/codecs/codec.js";
import { allFormats, findFormat, isCodebookFormat } from "#dist/codecs/registry.js";
import { pack } from "#dist/layouts/pack.js";
import type { PackedMatrix } from "#dist/layouts/packed-matrix.js";
import { findLayout, layoutsOf } from "#dist/layouts/registry.js";
import { prepareProduct } from "#dist/src/forward/prepare-product.js";
import { gemm } from "#dist/src/kernels/gemm.js";
import { quantizeActivations, readActivations } from "#dist/src/kernels/quantize-activations.js";
import { findView } from "#dist/src/kernels/views.js";
import { noise, someCodebook } from "../support/kernel-inputs.ts";

const ROWS = 48;
const ROW_LENGTH = 512;
/** More than a block of activation rows. */
const X = noise(70 * ROW_LENGTH, 3);

function matrixOf(formatName: string, layoutName = "rows"): PackedMatrix {
  const format = findFormat(formatName)!;
  const layout = findLayout(format, layoutName)!;
  const size = rowBytes(format, ROW_LENGTH);
  const codebook = isCodebookFormat(format) ? someCodebook(format) : undefined;
  const blocks = Uint8Array.from(noise(ROWS * size, 4), (x) => Math.abs(x) * 256);
  // Any bytes are codes of a table; scales in half precision come from the encoder, so that products are finite.
  if (!isCodebookFormat(format)) format.encode!(noise(ROWS * ROW_LENGTH, 4), blocks, { rowLength: ROW_LENGTH });
  const bytes = new Uint8Array(blocks.length);
  pack(layout, blocks, bytes, ROWS, size);
  return { layout, bytes, rows: ROWS, rowLength: ROW_LENGTH, ...(codebook && { codebook }) };
}

describe("both backends give the definition's products, in every layout", () => {
  for (const format of allFormats()) {
    const view = findView(format);
    if (view === undefined) continue;
    test(format.name, async () => {
      const x = X.subarray(0, 3 * ROW_LENGTH);
      const want = new Float32Array(3 * ROWS);
      const activations = quantizeActivations(view.activation, x, ROW_LENGTH);
      gemm(matrixOf(format.name), readActivations(view.activation, activations, ROW_LENGTH), want);
      for (const { name } of layoutsOf(format))
        for (const backend of name === "rows" ? (["wasm", "scalar"] as const) : (["wasm"] as const)) {
          const product = await prepareProduct(matrixOf(format.name, name), { backend });
          expect(product.activations).toBe(view.activation);
          expect(product.multiply(x), `${name}, ${backend}`).toEqual(want);
        }
    });
  }
});

test("formats without a kernel, and all when asked to, are multiplied as f32: both backends alike", async () => {
  for (const [format, layout] of [
    ["f16", "rows"],
    ["bf16", "rows"],
    ["q4_0", "4x8"],
    ["q4_cb", "4x4"],
  ] as const) {
    const matrix = matrixOf(format, layout);
    const wasm = await prepareProduct(matrix, { backend: "wasm", arithmetic: "float" });
    const scalar = await prepareProduct(matrix, { backend: "scalar", arithmetic: "float" });
    const y = wasm.multiply(X);
    expect(scalar.multiply(X)).toEqual(y);
    expect(wasm.activations).toBe("f32");
    // Against plain sums: the largest of them is about 10.
    const weights = new Float32Array(ROWS * ROW_LENGTH);
    const rowMajor = matrixOf(format);
    const found = findFormat(format)!;
    (isCodebookFormat(found) ? found.bind(matrix.codebook!) : found).decode(rowMajor.bytes, weights);
    for (const [index, product] of y.subarray(0, ROWS).entries()) {
      const row = weights.subarray(index * ROW_LENGTH, (index + 1) * ROW_LENGTH);
      expect(product).toBeCloseTo(
        row.reduce((sum, weight, i) => sum + weight * X[i]!, 0),
        3,
      );
    }
  }
});

test("every row of activations has the bits that it has alone", async () => {
  const product = await prepareProduct(matrixOf("q4_K", "8x8"));
  const together = product.multiply(X);
  for (const row of [0, 1, 63, 64, 69])
    expect(product.multiply(X.subarray(row * ROW_LENGTH, (row + 1) * ROW_LENGTH))).toEqual(
      together.subarray(row * ROWS, (row + 1) * ROWS),
    );
  expect(product.multiply(new Float32Array(0)).length).toBe(0);
});

test("a matrix larger than a tile, and one of odd rows", async () => {
  const rows = 709;
  const format = findFormat("q8_0")!;
  const bytes = Uint8Array.from(noise(rows * rowBytes(format, 64), 8), (x) => x * 127);
  const matrix = { layout: findLayout(format, "rows")!, bytes, rows, rowLength: 64 };
  const want = new Float32Array(rows);
  gemm(matrix, readActivations("q8_0", quantizeActivations("q8_0", X.subarray(0, 64), 64), 64), want);
  expect((await prepareProduct(matrix)).multiply(X.subarray(0, 64))).toEqual(want);
});

test.each([
  ["too few bytes", { bytes: new Uint8Array(5) }, "5 bytes, expected 13824"],
  ["rows that are no whole groups", { rows: 47 }, "47 rows of 512 weights, expected multiples of 4 and 32"],
  ["rows that are no whole blocks", { rowLength: 500 }, "48 rows of 500 weights, expected multiples of 4 and 32"],
])("%s are an error", async (_, wrong, message) => {
  await expect(prepareProduct({ ...matrixOf("q4_0", "4x8"), ...wrong })).rejects.toThrow(message);
});

test("a codebook that is missing or does not fit, and activations that are no rows, are errors", async () => {
  const { codebook, ...matrix } = matrixOf("q4_cb", "4x8");
  await expect(prepareProduct(matrix)).rejects.toThrow("tables expected, found none");
  const short = { ...codebook!, tables: codebook!.tables.subarray(1) };
  await expect(prepareProduct({ ...matrix, codebook: short })).rejects.toThrow(RangeError);
  const product = await prepareProduct({ ...matrix, codebook: codebook! });
  expect(() => product.multiply(new Float32Array(511))).toThrow("511 activations, expected rows of 512");
});
