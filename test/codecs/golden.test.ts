import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rowBytes, type Codec } from "#dist/codecs/codec.js";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";

const FOLDER = new URL("../../fixtures/golden/", import.meta.url);
const ROW_LENGTH = 512;
const floats = (name: string) => new Float32Array(new Uint8Array(readFileSync(new URL(name, FOLDER))).buffer);
const golden = (name: string) => new Uint8Array(readFileSync(new URL(`rowmajor/${name}`, FOLDER)));
const weights = floats("weights.f32");
const importance = floats("imatrix.f32");

/** Stock types that ggml has no blocks of weights of: plain numbers, and activations (test/kernels compares those). */
const WITHOUT_FILES = ["f32", "f64", "i8", "i16", "i32", "i64", "q8_1", "q8_K"];
/** Read-only types whose blocks ggml makes with an importance matrix only. */
const IMPORTANCE_ONLY = ["iq1_s", "iq2_xs", "iq2_xxs"];

const codecs = allFormats().filter(
  (f): f is Codec => !isCodebookFormat(f) && f.ggmlType !== undefined && !WITHOUT_FILES.includes(f.name),
);

function encodeWeights(encode: NonNullable<Codec["encode"]>, codec: Codec, isWeighted: boolean): Uint8Array {
  const dst = new Uint8Array(rowBytes(codec, weights.length));
  encode(weights, dst, { rowLength: ROW_LENGTH, ...(isWeighted ? { importance } : {}) });
  return dst;
}

/** A file that is missing fails the test that reads it. */
for (const codec of codecs) {
  const backends: [string, Pick<Codec, "encode" | "decode">][] = [["scalar", codec]];
  const twin = wasmTwin(codec);
  if (twin !== undefined) backends.push(["wasm", twin]);
  const usesImportance =
    codec.encode !== undefined &&
    Buffer.compare(encodeWeights(codec.encode, codec, false), encodeWeights(codec.encode, codec, true)) !== 0;
  describe.each(backends)(`${codec.name} %s`, (_, { encode, decode }) => {
    test.runIf(encode)("encodes to ggml's bytes", () => {
      const expected = golden(`${codec.name}.rowmajor.bin`);
      expect(differences(encodeWeights(encode!, codec, false), expected, codec.blockBytes)).toEqual([]);
    });
    test.runIf(encode && usesImportance)("encodes to ggml's bytes with importance", () => {
      const expected = golden(`${codec.name}.imx.rowmajor.bin`);
      expect(differences(encodeWeights(encode!, codec, true), expected, codec.blockBytes)).toEqual([]);
    });
    test.runIf(codec.kind === "uniform")("decodes to ggml's floats", () => {
      const infix = IMPORTANCE_ONLY.includes(codec.name) ? ".imx" : "";
      const blocks = golden(`${codec.name}${infix}.rowmajor.bin`);
      const expected = floats(`rowmajor/${codec.name}${infix}.dequant.f32`);
      const dst = new Float32Array(expected.length);
      decode(blocks.subarray(0, rowBytes(codec, expected.length)), dst);
      expect(differences(new Uint8Array(dst.buffer), new Uint8Array(expected.buffer), 4)).toEqual([]);
    });
  });
}

test("every golden file belongs to a type that is compared with it", () => {
  const types = new Set(readdirSync(new URL("rowmajor/", FOLDER)).map((file) => file.split(".")[0]));
  expect([...types].sort()).toEqual(codecs.map(({ name }) => name).sort());
});

/** Numbers of the units (blocks, floats) that differ, the first ten. */
function differences(got: Uint8Array, expected: Uint8Array, unit: number): number[] {
  if (got.length !== expected.length) return [got.length, expected.length];
  const found = new Set<number>();
  for (let i = 0; i < got.length; i++) if (got[i] !== expected[i]) found.add(Math.floor(i / unit));
  return [...found].slice(0, 10);
}
