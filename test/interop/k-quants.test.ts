import { describe, expect, test } from "vitest";
import { rowBytes, type Codec } from "../../dist/codecs/codec.js";
import { resolveCodec } from "../../dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";
import { gaussian, KINDS, uniform } from "../support/weights.ts";
import { ggmlDecode, ggmlEncode, ggmlQuantizeRow } from "./ggml.ts";

const ROW_LENGTH = 768;
const ROWS = 8;

const draw = (seed: number, next: (random: () => number, normal: () => number) => number): Float32Array => {
  const random = uniform(seed);
  const normal = gaussian(random);
  return Float32Array.from({ length: ROW_LENGTH }, () => next(random, normal));
};

const IMPORTANCES: [string, Float32Array | undefined][] = [
  ["plain", undefined],
  ["weighted", draw(1, (_, normal) => normal() ** 2 + 1e-3)],
  ["all zero", new Float32Array(ROW_LENGTH)],
  ["nearly all zero", draw(2, (random) => (random() < 0.97 ? 0 : 1))],
  ["over fifty decades", draw(3, (random) => 10 ** (-30 + 50 * random()))],
  ["subnormal", draw(4, (random) => 1e-42 * random())],
];

/** Blocks of `unit` bytes that differ, the first ten. */
function differences(got: Uint8Array, expected: Uint8Array, unit: number): number[] {
  const found = new Set<number>();
  for (let i = 0; i < expected.length; i++) if (got[i] !== expected[i]) found.add(Math.floor(i / unit));
  return [...found].slice(0, 10);
}

describe.each(["q2_K", "q3_K", "q4_K", "q5_K", "q6_K"])("%s against ggml on fresh weights", (name) => {
  const codec = resolveCodec(name);
  const twin = wasmTwin(codec)!;
  // NaN and infinities included: the K-quants agree with ggml's x86-64 build even there.
  test.each(KINDS.map((kind) => [kind.name, kind] as const))("%s", (_, kind) => {
    const weights = kind.make(ROWS * ROW_LENGTH, 11);
    for (const [sort, importance] of IMPORTANCES) {
      const expected = ggmlEncode(codec.ggmlType!, weights, ROW_LENGTH, importance);
      for (const backend of [codec, twin] as Pick<Codec, "encode">[]) {
        const bytes = new Uint8Array(rowBytes(codec, weights.length));
        backend.encode!(weights, bytes, { rowLength: ROW_LENGTH, ...(importance ? { importance } : {}) });
        expect(differences(bytes, expected, codec.blockBytes), sort).toEqual([]);
      }
    }
    const bytes = ggmlEncode(codec.ggmlType!, weights, ROW_LENGTH);
    const expected = ggmlDecode(name, bytes, weights.length);
    for (const backend of [codec, twin]) {
      const decoded = new Float32Array(weights.length);
      backend.decode(bytes, decoded);
      expect(decoded.findIndex((value, i) => !Object.is(value, expected[i]!))).toBe(-1);
    }
  });
});

test.each(KINDS.filter((kind) => kind.isFinite).map((kind) => [kind.name, kind] as const))("q8_K: %s", (_, kind) => {
  const q8_K = resolveCodec("q8_K");
  const numbers = kind.make(ROWS * ROW_LENGTH, 5);
  const expected = ggmlQuantizeRow("q8_K", numbers, rowBytes(q8_K, numbers.length));
  for (const backend of [q8_K, wasmTwin(q8_K)!] as Pick<Codec, "encode">[]) {
    const bytes = new Uint8Array(expected.length);
    backend.encode!(numbers, bytes, { rowLength: ROW_LENGTH });
    expect(differences(bytes, expected, q8_K.blockBytes)).toEqual([]);
  }
});
