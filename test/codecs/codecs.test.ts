/** Laws of every codec that encodes, whatever its arithmetic, for the definition and its twin. */
import { describe, expect, test } from "vitest";
import { rowBytes, type Codec } from "#dist/codecs/codec.js";
import { allFormats, findFormat, isCodebookFormat, isWritableFormat } from "#dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";
import { gaussian, importanceOf, uniform } from "../support/weights.ts";

const encoders = allFormats().filter(
  (f): f is Codec => !isCodebookFormat(f) && "encode" in f && f.encode !== undefined,
);

/** Relative squared error on Gaussian weights, unweighted: a little above what is measured (docs/schemes.md). */
const LARGEST_ERROR: Readonly<Record<string, number>> = {
  f32: 0,
  f16: 5e-8,
  bf16: 3e-6,
  q8_0: 3e-5,
  q8_K: 6e-5,
  q6_K: 0.00033,
  q5_1: 0.0015,
  q5_K: 0.0014,
  q5_0: 0.0019,
  q4_1: 0.0063,
  q4_K: 0.0053,
  q4_0: 0.0076,
  iq4_nl: 0.006,
  iq4_xs: 0.0061,
  mxfp4: 0.0136,
  nvfp4: 0.0093,
  q3_K: 0.0236,
  q2_K: 0.091,
  q1_0: 0.37,
  q2_0: 0.55,
  tq2_0: 0.68,
  tq1_0: 0.68,
};

const next = gaussian(uniform(5));
const ROWS = 6;

describe.each(encoders.map((codec) => [codec.name, codec] as const))("%s", (name, codec) => {
  const rowLength = codec.blockSize * Math.ceil(640 / codec.blockSize);
  const weights = Float32Array.from({ length: ROWS * rowLength }, next);
  const importance = importanceOf(rowLength)[0]!;
  const backends: [string, Pick<Codec, "encode" | "decode">][] = [["scalar", codec]];
  const twin = wasmTwin(codec);
  if (twin !== undefined) backends.push(["wasm", twin]);

  test.each(backends)("%s: rows do not know each other", (_, { encode }) => {
    for (const options of [{ rowLength }, { rowLength, importance }]) {
      const together = new Uint8Array(rowBytes(codec, weights.length));
      encode!(weights, together, options);
      const size = rowBytes(codec, rowLength);
      for (let row = 0; row < ROWS; row++) {
        const alone = new Uint8Array(size);
        encode!(weights.slice(row * rowLength, (row + 1) * rowLength), alone, options);
        expect(Buffer.compare(alone, together.subarray(row * size, (row + 1) * size)), `row ${row}`).toBe(0);
      }
    }
  });

  test.each(backends)("%s: zeros stay zeros", (_, { encode, decode }) => {
    const bytes = new Uint8Array(rowBytes(codec, rowLength));
    const back = new Float32Array(rowLength).fill(1);
    encode!(new Float32Array(rowLength), bytes, { rowLength });
    decode(bytes, back);
    expect(back.every((value) => value === 0)).toBe(true);
  });

  test("the error on Gaussian weights is what it should be", () => {
    const bytes = new Uint8Array(rowBytes(codec, weights.length));
    const back = new Float32Array(weights.length);
    codec.encode!(weights, bytes, { rowLength });
    codec.decode(bytes, back);
    let error = 0;
    let energy = 0;
    for (const [i, weight] of weights.entries()) {
      error += (back[i]! - weight) ** 2;
      energy += weight ** 2;
    }
    expect(error / energy).toBeLessThanOrEqual(LARGEST_ERROR[name]! * 1.1);
  });
});

test("names lead to their format, in any letter case", () => {
  for (const format of allFormats()) {
    expect(findFormat(format.name.toUpperCase())).toBe(format);
    expect(format.fields.reduce((sum, field) => sum + field.bytes, 0)).toBe(format.blockBytes);
  }
  expect(new Set(allFormats().map((format) => format.name.toLowerCase())).size).toBe(allFormats().length);
});

test("numbers of types and files belong to one format each", () => {
  for (const key of ["ggmlType", "fileType"] as const) {
    const numbers = allFormats().flatMap((format) => format[key] ?? []);
    expect(new Set(numbers).size).toBe(numbers.length);
  }
});

test("a fallback is written, of smaller blocks; a stock type has a number", () => {
  for (const { name, blockSize, fallback, stockType } of allFormats()) {
    if (fallback !== undefined) {
      const next = findFormat(fallback)!;
      expect([name, isWritableFormat(next), next.blockSize < blockSize]).toEqual([name, true, true]);
    }
    if (stockType !== undefined) expect([name, findFormat(stockType)!.ggmlType]).toEqual([name, expect.any(Number)]);
  }
});

test("the parts of every weight lie within the fields of its block", () => {
  for (const { name, blockSize, fields, parts } of allFormats()) {
    const room = new Map(fields.map((field) => [field.name, field.bytes * 8]));
    for (let column = 0; column < blockSize; column++) {
      const wrong = parts?.(column).find(({ field, bit, bits }) => bit < 0 || !(bit + bits <= room.get(field)!));
      expect(wrong, `${name}, weight ${column}`).toBeUndefined();
    }
  }
});
