import { describe, expect, test } from "vitest";
import { rowBytes, type Codec } from "#dist/codecs/codec.js";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { wasmTwin } from "../support/wasm.ts";
import { KINDS, importanceOf, randomBytes } from "../support/weights.ts";

const codecs = allFormats().filter((format): format is Codec => !isCodebookFormat(format));

/** Codecs that encode by their definition alone, tens of times slower. */
const WITHOUT_TWIN: readonly string[] = [];

test("every codec that encodes has a twin, but for those that are known to have none", () => {
  const without = codecs.filter((codec) => codec.encode !== undefined && wasmTwin(codec)?.encode === undefined);
  expect(without.map(({ name }) => name)).toEqual(WITHOUT_TWIN);
});

for (const codec of codecs) {
  const twin = wasmTwin(codec);
  if (twin === undefined) continue;
  // Every remainder of four and of eight blocks; super-blocks have lanes of their own.
  const rowBlocks =
    codec.blockSize === 1 ? [1, 7, 64, 333] : codec.blockSize < 256 ? [1, 2, 3, 4, 5, 8, 13] : [1, 2, 3];

  describe.runIf(codec.encode && twin.encode)(`${codec.name}: the SIMD encoder makes the scalar bytes`, () => {
    test.each(KINDS.map((kind, number) => [kind.name, kind, number] as const))("%s", (_, kind, number) => {
      for (const [turn, blocks] of rowBlocks.entries()) {
        const rowLength = blocks * codec.blockSize;
        const rows = 3;
        const weights = kind.make(rows * rowLength, blocks);
        // Each sort of importance in turn: all of them meet all lengths and, nearly, all weights.
        const sorts = importanceOf(rowLength);
        for (const importance of [undefined, sorts[(number + turn) % sorts.length]]) {
          const options = { rowLength, ...(importance ? { importance } : {}) };
          const scalar = new Uint8Array(rowBytes(codec, weights.length));
          const simd = new Uint8Array(scalar.length);
          codec.encode!(weights, scalar, options);
          twin.encode!(weights, simd, options);
          const at = scalar.findIndex((byte, i) => byte !== simd[i]);
          const where = `rows of ${rowLength}, ${importance ? "weighted" : "plain"}`;
          if (at >= 0) {
            const block = Math.floor(at / codec.blockBytes);
            const cut = (bytes: Uint8Array) => [
              ...bytes.subarray(block * codec.blockBytes).subarray(0, codec.blockBytes),
            ];
            expect(cut(simd), `${where}, block ${block}`).toEqual(cut(scalar));
          }
        }
      }
    });
  });

  test(`${codec.name}: the SIMD decoder makes the scalar floats of any bytes`, () => {
    for (const blocks of [1, 2, 3, 4, 5, 17, 100]) {
      const bytes = randomBytes(blocks * codec.blockBytes, blocks);
      const scalar = new Float32Array(blocks * codec.blockSize);
      const simd = new Float32Array(scalar.length);
      codec.decode(bytes, scalar);
      twin.decode(bytes, simd);
      const at = scalar.findIndex((value, i) => !Object.is(value, simd[i]!));
      if (at >= 0) expect(simd[at], `weight ${at} of ${scalar.length}`).toBe(scalar[at]);
    }
  });
}
