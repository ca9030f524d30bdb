import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Codebook, CodebookFormat } from "#dist/codecs/codec.js";
import { packCodes, unpackCodes } from "#dist/codecs/codebooks/codebook-codes.js";
import { allFormats, findFormat, isCodebookFormat } from "#dist/codecs/registry.js";
import { fitCodebook } from "#dist/src/fit/fit-codebook.js";
import { FIXED_TABLE_NAMES, fixedTables } from "#dist/src/fit/fixed-tables.js";
import { planSample, sampleLength } from "#dist/src/fit/sample.js";
import { gaussian, uniform } from "../support/weights.ts";

const formats = allFormats().filter(isCodebookFormat);
const q4 = findFormat("q4_cb") as CodebookFormat;

function gaussianWeights(count: number, seed: number, deviation = 0.02): Float32Array {
  const next = gaussian(uniform(seed));
  return Float32Array.from({ length: count }, () => next() * deviation);
}

function roundTrip(format: CodebookFormat, codebook: Codebook, src: Float32Array): Float32Array {
  const codec = format.bind(codebook);
  const bytes = new Uint8Array((src.length / format.blockSize) * format.blockBytes);
  codec.encode!(src, bytes, { rowLength: src.length });
  const out = new Float32Array(src.length);
  codec.decode(bytes, out);
  return out;
}

function relativeError(a: Float32Array, b: Float32Array, importance?: Float32Array): number {
  let error = 0;
  let energy = 0;
  for (let i = 0; i < a.length; i++) {
    const v = importance?.[i] ?? 1;
    error += v * (a[i]! - b[i]!) ** 2;
    energy += v * a[i]! ** 2;
  }
  return error / energy;
}

test("the formats have the sizes of the design", () => {
  const sizes = formats.map((f) => `${f.name} ${f.tableLength} ${f.blockBytes} ${(f.blockBytes * 8) / f.blockSize}`);
  expect(sizes.sort()).toEqual([
    "q2_cb 32 10 2.5",
    "q2_cb_g64 32 18 2.25",
    "q3_cb 8 14 3.5",
    "q3_cb2 128 14 3.5",
    "q3_cb_g64 8 26 3.25",
    "q4_cb 16 18 4.5",
    "q4_cb_g64 16 34 4.25",
    "q5_cb 32 22 5.5",
    "q5_cb_g64 32 42 5.25",
  ]);
});

test.each(formats.map((f) => [f.name, f] as const))("%s: codes survive packing", (_, format) => {
  const count = format.blockSize / format.dimension;
  const bytes = new Uint8Array(format.blockBytes - 2);
  const back = new Uint8Array(count);
  const code = fc.integer({ min: 0, max: (1 << format.codeBits) - 1 });
  fc.assert(
    fc.property(fc.array(code, { minLength: count, maxLength: count }), (codes) => {
      packCodes(format, format.blockSize, Uint8Array.from(codes), bytes, 0);
      unpackCodes(format, format.blockSize, bytes, 0, back);
      expect([...back]).toEqual(codes);
    }),
  );
});

test("a weight is its level times its entry: low nibbles first, as in Q4_0", () => {
  const tables = Int8Array.from({ length: 32 }, (_, i) => i - 16);
  const block = Uint8Array.of(1, 1, 0x2f, ...new Uint8Array(15));
  const out = new Float32Array(32);
  q4.bind({ tables, levels: Float32Array.of(0.5, -0.25) }).decode(block, out);
  expect(out[0]).toBe(-0.25 * tables[16 + 15]!);
  expect(out[16]).toBe(-0.25 * tables[16 + 2]!);
  expect(out[1]).toBe(-0.25 * tables[16]!);
});

describe("the fit", () => {
  // Errors of groups that were not fitted, small samples, Gaussian weights; peers of the same size: Q4_0 0.0074,
  // IQ4_NL 0.0058, Q4_K 0.0051, Q3_K 0.0228 (3.44 bits), Q2_K 0.088 (2.63 bits).
  test.each([
    ["q5_cb", 16, 0.0014],
    ["q4_cb", 1, 0.0062],
    ["q4_cb", 16, 0.0048],
    ["q4_cb_g64", 16, 0.0062],
    ["q3_cb", 16, 0.0205],
    ["q3_cb2", 16, 0.0185],
    ["q2_cb", 16, 0.073],
  ] as const)("%s with %i tables generalizes", (name, tables, most) => {
    const format = findFormat(name) as CodebookFormat;
    const codebook = fitCodebook(format, gaussianWeights(1500 * format.blockSize, 1), { tables, effort: "fast" });
    const unseen = gaussianWeights(500 * format.blockSize, 2);
    expect(relativeError(unseen, roundTrip(format, codebook, unseen))).toBeLessThan(most);
  });

  test("importance lowers the error where it is high", () => {
    const sample = gaussianWeights(800 * 32, 3);
    const importance = Float32Array.from(sample, (_, i) => (i % 32 < 8 ? 25 : 1));
    const plain = fitCodebook(q4, sample, { tables: 8, effort: "fast" });
    const weighted = fitCodebook(q4, sample, { tables: 8, effort: "fast", importance });
    const errorOf = (codebook: Codebook, row?: Float32Array): number => {
      const bytes = new Uint8Array((sample.length / 32) * 18);
      const codec = q4.bind(codebook);
      codec.encode!(sample, bytes, { rowLength: 32, ...(row ? { importance: row } : {}) });
      const out = new Float32Array(sample.length);
      codec.decode(bytes, out);
      return relativeError(sample, out, importance);
    };
    expect(errorOf(weighted, importance.subarray(0, 32))).toBeLessThan(errorOf(plain) * 0.9);
  });

  test("importance of nothing but zeros is ignored", () => {
    const sample = gaussianWeights(50 * 32, 8);
    const plain = fitCodebook(q4, sample, { tables: 2, effort: "fast" });
    const importance = new Float32Array(sample.length);
    expect(fitCodebook(q4, sample, { tables: 2, effort: "fast", importance })).toEqual(plain);
  });

  test.each([1, 2, 3, 100, 256])("%i tables of a tensor that may have fewer groups", (tables) => {
    for (const groups of [1, 2, 7]) {
      const sample = gaussianWeights(groups * 32, 4);
      const codebook = fitCodebook(q4, sample, { tables, effort: "normal" });
      expect(codebook.tables.length / 16).toBeLessThanOrEqual(Math.max(1, groups));
      expect(relativeError(sample, roundTrip(q4, codebook, sample))).toBeLessThan(0.012);
    }
  });

  test("zeros, constants, outliers and denormals", () => {
    const zeros = new Float32Array(64);
    expect(roundTrip(q4, fitCodebook(q4, zeros, { tables: 4, effort: "fast" }), zeros)).toEqual(zeros);
    const sample = gaussianWeights(400 * 32, 5);
    sample.fill(0, 0, 32);
    sample.fill(0.03, 32, 64);
    sample[100] = 10;
    sample.fill(1e-41, 160, 192);
    const codebook = fitCodebook(q4, sample, { tables: 8, effort: "normal" });
    const out = roundTrip(q4, codebook, sample);
    expect(out.subarray(0, 32)).toEqual(new Float32Array(32));
    expect(relativeError(sample.subarray(32, 64), out.subarray(32, 64))).toBeLessThan(0.002);
    expect(Math.abs(out[100]! - 10)).toBeLessThan(0.5);
    expect(out.subarray(160, 192).every((value) => Math.abs(value) < 1e-3)).toBe(true);
  });

  test.each(FIXED_TABLE_NAMES)("tables of %s are kept, and learned ones are better", (name) => {
    const sample = gaussianWeights(400 * 32, 7);
    const fixed = fixedTables(name)!;
    const codebook = fitCodebook(q4, sample, { tables: 1, effort: "normal", fixedTables: fixed });
    expect(codebook.tables).toEqual(fixed);
    const error = relativeError(sample, roundTrip(q4, codebook, sample));
    expect(error).toBeLessThan(0.0095);
    const learned = fitCodebook(q4, sample, { tables: fixed.length / 16, effort: "normal" });
    expect(relativeError(sample, roundTrip(q4, learned, sample))).toBeLessThan(error);
  });

  test("wrong lengths and counts are refused", () => {
    expect(() => fitCodebook(q4, new Float32Array(33), { tables: 1, effort: "fast" })).toThrow(RangeError);
    expect(() => fitCodebook(q4, new Float32Array(32), { tables: 0, effort: "fast" })).toThrow(RangeError);
    expect(() => fitCodebook(q4, new Float32Array(32), { tables: 257, effort: "fast" })).toThrow(RangeError);
    const importance = new Float32Array(31);
    expect(() => fitCodebook(q4, new Float32Array(32), { tables: 1, effort: "fast", importance })).toThrow(RangeError);
  });
});

test("the encoder is close to trying every table, level and code", () => {
  const sample = gaussianWeights(600 * 32, 6);
  const codebook = fitCodebook(q4, sample, { tables: 16, effort: "fast" });
  const some = sample.subarray(0, 40 * 32);
  let least = 0;
  for (let at = 0; at < some.length; at += 32) {
    let best = Infinity;
    for (let t = 0; t < codebook.tables.length; t += 16) {
      for (const level of codebook.levels) {
        let error = 0;
        for (let j = at; j < at + 32 && error < best; j++) {
          let nearest = Infinity;
          for (let q = t; q < t + 16; q++) nearest = Math.min(nearest, (some[j]! - level * codebook.tables[q]!) ** 2);
          error += nearest;
        }
        best = Math.min(best, error);
      }
    }
    least += best;
  }
  const bound: Record<string, number> = { fast: 1.1, normal: 1.06, best: 1.03 };
  for (const effort of ["fast", "normal", "best"] as const) {
    const codec = q4.bind(codebook, effort);
    const bytes = new Uint8Array((some.length / 32) * 18);
    codec.encode!(some, bytes, { rowLength: 32 });
    const out = new Float32Array(some.length);
    codec.decode(bytes, out);
    const energy = some.reduce((sum, w) => sum + w * w, 0);
    expect((relativeError(some, out) * energy) / least, effort).toBeLessThan(bound[effort]!);
  }
});

describe("codebooks that do not fit are refused", () => {
  const levels = Float32Array.of(-1, 1);
  test.each([
    ["no tables", { tables: new Int8Array(0), levels }],
    ["half a table", { tables: new Int8Array(8), levels }],
    ["257 tables", { tables: new Int8Array(257 * 16), levels }],
    ["no levels", { tables: new Int8Array(16), levels: new Float32Array(0) }],
    ["257 levels", { tables: new Int8Array(16), levels: new Float32Array(257) }],
    ["a level that is NaN", { tables: new Int8Array(16), levels: Float32Array.of(NaN) }],
    ["an infinite level", { tables: new Int8Array(16), levels: Float32Array.of(Infinity) }],
  ])("%s", (_, codebook) => expect(() => q4.bind(codebook)).toThrow(RangeError));

  test("numbers beyond the codebook decode to zero", () => {
    const out = new Float32Array(32).fill(9);
    const block = Uint8Array.of(7, 0, ...new Uint8Array(16).fill(0xff));
    q4.bind({ tables: new Int8Array(16).fill(5), levels }).decode(block, out);
    expect(out.every((value) => value === 0)).toBe(true);
    block.set([0, 9]);
    q4.bind({ tables: new Int8Array(16).fill(5), levels }).decode(block, out);
    expect(out.every((value) => value === 0)).toBe(true);
  });
});

describe("samples", () => {
  test("a small matrix is taken whole", () => {
    expect(sampleLength(planSample(10, 64, 32, 100))).toBe(640);
  });
  test("runs lie inside the matrix, in order, without overlap, spread over the rows", () => {
    for (const [rows, groups, limit] of [
      [1000, 5, 300],
      [3, 4000, 500],
      [4096, 128, 16384],
      [7, 9, 62],
    ] as const) {
      const runs = planSample(rows, groups * 32, 32, limit);
      expect(sampleLength(runs)).toBeGreaterThan(0.5 * limit * 32);
      expect(sampleLength(runs)).toBeLessThanOrEqual(limit * 32);
      let end = -1;
      for (const { row, startColumn, columnCount } of runs) {
        expect(row * groups * 32 + startColumn).toBeGreaterThanOrEqual(end);
        expect(startColumn + columnCount).toBeLessThanOrEqual(groups * 32);
        expect(startColumn % 32).toBe(0);
        end = row * groups * 32 + startColumn + columnCount;
      }
      expect(runs[0]!.row).toBeLessThan(rows / 4 + 1);
      expect(runs.at(-1)!.row).toBeGreaterThanOrEqual(Math.floor((rows * 3) / 4) - 1);
    }
  });
});
