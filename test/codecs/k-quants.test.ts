import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { Codec } from "#dist/codecs/codec.js";
import {
  packedMin,
  packedScale,
  packedSignedScale,
  packScalesAndMins,
  packSignedScales,
} from "#dist/codecs/k-quants/k-scales.js";
import { nearestInt } from "#dist/codecs/k-quants/k-search.js";
import { resolveCodec } from "#dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";
import { gaussian, uniform } from "../support/weights.ts";

const golden = (path: string) =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/golden/${path}`, import.meta.url)));
const floats = (path: string) => new Float32Array(golden(path).buffer);

describe("the nearest integer", () => {
  test.each([
    [0.5, 0],
    [1.5, 2],
    [-0.5, 0],
    [-2.5, -2],
    [Math.fround(0.50000006), 1],
    [4194303, 4194303],
    [-4194304, -4194304],
    [NaN, 0],
    [Infinity, -4194304],
    [-Infinity, -4194304],
    [4194304, -4194304],
  ])("of %f is %i", (x, nearest) => expect(nearestInt(x)).toBe(nearest));
});

describe("packed 6-bit scales", () => {
  const numbers = Uint8Array.from({ length: 16 }, (_, i) => (i * 37 + 11) % 64);

  test("eight scales and eight minima come back", () => {
    const bytes = new Uint8Array(14).fill(0xff);
    packScalesAndMins(numbers.subarray(0, 8), numbers.subarray(8), bytes, 1);
    const back = [...Array(8).keys()].map((j) => [packedScale(bytes, 1, j), packedMin(bytes, 1, j)]);
    expect(back).toEqual([...Array(8).keys()].map((j) => [numbers[j], numbers[8 + j]]));
    expect([bytes[0], bytes[13]]).toEqual([0xff, 0xff]);
  });

  test("sixteen signed scales come back", () => {
    const bytes = new Uint8Array(14).fill(0xff);
    packSignedScales(numbers, bytes, 1);
    expect([...Array(16).keys()].map((j) => packedSignedScale(bytes, 1, j))).toEqual([...numbers].map((n) => n - 32));
    expect([bytes[0], bytes[13]]).toEqual([0xff, 0xff]);
  });
});

const backends = (name: string): [string, Pick<Codec, "encode" | "decode">][] => {
  const codec = resolveCodec(name);
  return [
    ["scalar", codec],
    ["wasm", wasmTwin(codec)!],
  ];
};

describe.each(backends("q8_K"))("q8_K %s", (_, q8_K) => {
  test.each([
    ["activations.f32", "act/act.q8_K.bin"],
    ["ties/ties.f32", "ties/q8_K.bin"],
  ])("%s become ggml's bytes", (source, expected) => {
    const numbers = floats(source);
    const bytes = new Uint8Array((numbers.length / 256) * 292);
    q8_K.encode!(numbers, bytes, { rowLength: 256 });
    expect(Buffer.compare(bytes, golden(expected))).toBe(0);
  });

  test("a block of zeros is all zeros, its sums included", () => {
    const bytes = new Uint8Array(292).fill(0xff);
    q8_K.encode!(new Float32Array(256), bytes, { rowLength: 256 });
    expect(bytes.every((byte) => byte === 0)).toBe(true);
  });
});

/** Importances that leave searches without weight, or with sums near the ends of f32. */
const IMPORTANCES: [string, (random: () => number) => number][] = [
  ["all zero", () => 0],
  ["nearly all zero", (random) => (random() < 0.97 ? 0 : 1)],
  ["half zero", (random) => (random() < 0.5 ? 0 : random())],
  ["over fifty decades", (random) => 10 ** (-30 + 50 * random())],
  ["subnormal", (random) => 1e-42 * random()],
];

const SOURCES: [string, (random: () => number, normal: () => number) => number][] = [
  ["Gaussian", (_, normal) => 0.02 * normal()],
  ["negative", (_, normal) => -Math.abs(normal())],
  ["over eighty decades", (random) => (random() < 0.5 ? -1 : 1) * 10 ** (-44 + 82 * random())],
  ["with infinities and NaN", (random, normal) => (random() < 0.01 ? Infinity : random() < 0.01 ? NaN : normal())],
];

describe.each(["q2_K", "q3_K", "q4_K", "q5_K", "q6_K"])("%s under extreme importance", (name) => {
  const [[, scalar], [, simd]] = backends(name) as [[string, Codec], [string, Codec]];
  test.each(IMPORTANCES)("%s: both backends make the same bytes", (_, next) => {
    const rowLength = 768;
    for (const [kind, weight] of SOURCES) {
      const random = uniform(7);
      const normal = gaussian(random);
      const importance = Float32Array.from({ length: rowLength }, () => next(random));
      const weights = Float32Array.from({ length: 5 * rowLength }, () => weight(random, normal));
      const expected = new Uint8Array((weights.length / 256) * scalar.blockBytes);
      const bytes = new Uint8Array(expected.length);
      scalar.encode!(weights, expected, { rowLength, importance });
      simd.encode!(weights, bytes, { rowLength, importance });
      expect(Buffer.compare(bytes, expected), kind).toBe(0);
    }
  });
});

test("importance belongs to columns: each row of equal rows becomes the same bytes", () => {
  const q4_K = resolveCodec("q4_K");
  const random = gaussian(uniform(3));
  const row = Float32Array.from({ length: 768 }, random);
  const importance = Float32Array.from({ length: 768 }, () => random() ** 2);
  const weights = new Float32Array(3 * 768);
  for (let r = 0; r < 3; r++) weights.set(row, r * 768);
  for (const [, backend] of backends("q4_K")) {
    const bytes = new Uint8Array(9 * q4_K.blockBytes);
    backend.encode!(weights, bytes, { rowLength: 768, importance });
    const rows = [0, 1, 2].map((r) => Buffer.from(bytes.subarray(r * 432, (r + 1) * 432)).toString("hex"));
    expect(new Set(rows).size).toBe(1);
  }
});
