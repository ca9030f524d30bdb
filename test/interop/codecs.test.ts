/** Every block format against ggml itself: the same bytes from all sorts of weights, the same floats from any bytes. */
import { describe, expect, test } from "vitest";
import { rowBytes, type Codec } from "../../dist/codecs/codec.js";
import { allFormats, isCodebookFormat } from "../../dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";
import { importanceOf, KINDS, randomBytes } from "../support/weights.ts";
import { ggmlDecode, ggmlEncode } from "./ggml.ts";

const codecs = allFormats().filter((f): f is Codec => !isCodebookFormat(f) && f.ggmlType !== undefined);
const uniform = codecs.filter((codec) => codec.kind === "uniform" && !codec.isForActivations);
const encoders = codecs.filter((codec) => codec.encode && !codec.isForActivations && codec.name !== "f32");

/** NaN has many bit patterns, and which one comes out of arithmetic is the processor's business. */
function firstDifference(got: Float32Array, expected: Float32Array): number {
  return expected.findIndex((value, i) => !Object.is(value, got[i]!));
}

describe.each(encoders.map((codec) => [codec.name, codec] as const))("%s encodes to ggml's bytes", (name, codec) => {
  const backends: [string, NonNullable<Codec["encode"]>][] = [["scalar", codec.encode!]];
  const twin = wasmTwin(codec)?.encode;
  if (twin) backends.push(["wasm", twin]);
  const rows = 4;
  const rowLength = codec.blockSize === 256 ? 768 : codec.blockSize === 1 ? 333 : codec.blockSize * 13;

  // Of a NaN weight nothing is promised but that both back ends agree.
  test.each(KINDS.filter((kind) => !kind.name.includes("NaN")).map((kind) => [kind.name, kind] as const))(
    "%s",
    (_, kind) => {
      for (let seed = 1; seed <= 3; seed++) {
        const weights = kind.make(rows * rowLength, seed);
        for (const importance of [undefined, ...importanceOf(rowLength)]) {
          const expected = ggmlEncode(codec.ggmlType!, weights, rowLength, importance);
          for (const [backend, encode] of backends) {
            const got = new Uint8Array(rowBytes(codec, weights.length));
            encode(weights, got, { rowLength, ...(importance ? { importance } : {}) });
            const at = expected.findIndex((byte, i) => byte !== got[i]);
            if (at < 0) continue;
            const block = Math.floor(at / codec.blockBytes);
            const cut = (bytes: Uint8Array) => [
              ...bytes.subarray(block * codec.blockBytes).subarray(0, codec.blockBytes),
            ];
            expect(cut(got), `${name}, ${backend}, seed ${seed}, block ${block}`).toEqual(cut(expected));
          }
        }
      }
    },
  );
});

test.each(uniform.map((codec) => [codec.name, codec] as const))(
  "%s decodes any bytes to ggml's floats",
  (name, codec) => {
    for (let seed = 1; seed <= 5; seed++) {
      const blocks = 64;
      const bytes = randomBytes(blocks * codec.blockBytes, seed);
      const expected = ggmlDecode(name, bytes, blocks * codec.blockSize);
      for (const decode of [codec.decode, wasmTwin(codec)?.decode]) {
        if (!decode) continue;
        const got = new Float32Array(expected.length);
        decode(bytes, got);
        const at = firstDifference(got, expected);
        if (at >= 0) expect(got[at], `weight ${at}`).toBe(expected[at]);
      }
    }
  },
);
