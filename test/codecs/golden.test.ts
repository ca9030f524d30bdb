import { readFileSync, readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { rowBytes, type Codec } from "#dist/codecs/codec.js";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";

const FOLDER = new URL("../../fixtures/golden/", import.meta.url);
const FILES = new Set(readdirSync(new URL("rowmajor/", FOLDER)));
const ROW_LENGTH = 512;
const floats = (name: string) => new Float32Array(new Uint8Array(readFileSync(new URL(name, FOLDER))).buffer);
const golden = (name: string) => new Uint8Array(readFileSync(new URL(`rowmajor/${name}`, FOLDER)));
const weights = floats("weights.f32");
const importance = floats("imatrix.f32");

const codecs = allFormats().filter((f): f is Codec => !isCodebookFormat(f) && f.ggmlType !== undefined);

for (const codec of codecs) {
  const backends: [string, Pick<Codec, "encode" | "decode">][] = [["scalar", codec]];
  const twin = wasmTwin(codec);
  if (twin !== undefined) backends.push(["wasm", twin]);
  describe.each(backends)(`${codec.name} %s`, (_, { encode, decode }) => {
    const encoded = (weighted: boolean): Uint8Array => {
      const dst = new Uint8Array(rowBytes(codec, weights.length));
      encode!(weights, dst, { rowLength: ROW_LENGTH, ...(weighted ? { importance } : {}) });
      return dst;
    };
    const plain = `${codec.name}.rowmajor.bin`;
    const weighted = `${codec.name}.imx.rowmajor.bin`;

    test.runIf(encode && FILES.has(plain))("encodes to ggml's bytes", () => {
      expect(differences(encoded(false), golden(plain), codec.blockBytes)).toEqual([]);
    });
    test.runIf(encode && FILES.has(weighted))("encodes to ggml's bytes with importance", () => {
      expect(differences(encoded(true), golden(weighted), codec.blockBytes)).toEqual([]);
    });
    test.runIf(FILES.has(`${codec.name}.dequant.f32`) || FILES.has(`${codec.name}.imx.dequant.f32`))(
      "decodes to ggml's floats",
      () => {
        const infix = FILES.has(`${codec.name}.dequant.f32`) ? "" : ".imx";
        const blocks = golden(`${codec.name}${infix}.rowmajor.bin`);
        const expected = floats(`rowmajor/${codec.name}${infix}.dequant.f32`);
        const dst = new Float32Array(expected.length);
        decode(blocks.subarray(0, rowBytes(codec, expected.length)), dst);
        expect(differences(new Uint8Array(dst.buffer), new Uint8Array(expected.buffer), 4)).toEqual([]);
      },
    );
  });
}

/** Numbers of the units (blocks, floats) that differ, the first ten. */
function differences(got: Uint8Array, expected: Uint8Array, unit: number): number[] {
  if (got.length !== expected.length) return [got.length, expected.length];
  const found = new Set<number>();
  for (let i = 0; i < got.length; i++) if (got[i] !== expected[i]) found.add(Math.floor(i / unit));
  return [...found].slice(0, 10);
}
