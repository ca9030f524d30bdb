import { describe, expect, test } from "vitest";
import type { Codebook, CodebookFormat, Effort } from "#dist/codecs/codec.js";
import { prepareCodebook, prepareDecoding, writeSearch } from "#dist/codecs/codebooks/prepare-codebook.js";
import { HEADER_BYTES, MAX_TRIALS, viewPreparedCodebook } from "#dist/codecs/codebooks/prepared-codebook.js";
import { allFormats, isCodebookFormat } from "#dist/codecs/registry.js";
import { fitSteps } from "#dist/src/fit/assign-groups.js";
import { fitCodebook } from "#dist/src/fit/fit-codebook.js";
import { fitBytes, moduleSteps } from "#dist/src/fit/module-steps.js";
import { memory, place, wasm } from "../support/wasm.ts";
import { gaussian, importanceOf, KINDS, randomBytes, uniform } from "../support/weights.ts";

const formats = allFormats().filter(isCodebookFormat);
const EFFORTS: readonly Effort[] = ["fast", "normal", "best"];

/** Tables and levels of no particular merit. */
function someCodebook(format: CodebookFormat, tableCount: number, seed: number): Codebook {
  const next = gaussian(uniform(seed));
  const tables = Int8Array.from({ length: tableCount * format.tableLength }, () =>
    Math.max(-127, Math.min(127, Math.round(next() * 60))),
  );
  if (format.dimension === 1) {
    for (let at = 0; at < tables.length; at += format.tableLength) tables.subarray(at, at + format.tableLength).sort();
  }
  return { tables, levels: Float32Array.from({ length: 255 }, (_, i) => (i - 127) * 0.0003) };
}

function encodeInModule(
  format: CodebookFormat,
  prepared: Uint8Array,
  src: Float32Array,
  rowLength: number,
  importance?: Float32Array,
): Uint8Array {
  const size = (src.length / format.blockSize) * format.blockBytes;
  const [codebook, from, weights, to] = place([prepared.length, src.byteLength, rowLength * 4, size]) as number[];
  new Uint8Array(memory.buffer).set(prepared, codebook);
  new Float32Array(memory.buffer, from, src.length).set(src);
  if (importance) new Float32Array(memory.buffer, weights, rowLength).set(importance);
  wasm.encoder(format.name)!(from!, to!, src.length / rowLength, rowLength, importance ? weights! : 0, codebook!);
  return new Uint8Array(memory.buffer, to, size).slice();
}

describe.each(formats.map((format) => [format.name, format] as const))("%s in SIMD", (_, format) => {
  test.each(EFFORTS)("the encoder makes the scalar bytes, effort %s", (effort) => {
    for (const tableCount of effort === "normal" ? [1, 200] : [17]) {
      const codebook = someCodebook(format, tableCount, tableCount);
      const codec = format.bind(codebook, effort);
      const prepared = prepareCodebook(format, codebook, effort);
      for (const [seed, kind] of KINDS.entries()) {
        const rowLength = format.blockSize * 2;
        const src = kind.make(rowLength * 2, seed);
        for (const importance of [undefined, ...importanceOf(rowLength)]) {
          const scalar = new Uint8Array((src.length / format.blockSize) * format.blockBytes);
          codec.encode!(src, scalar, { rowLength, ...(importance ? { importance } : {}) });
          const simd = encodeInModule(format, prepared, src, rowLength, importance);
          expect(simd, `${kind.name}, ${tableCount} tables, ${importance ? "weighted" : "plain"}`).toEqual(scalar);
        }
      }
    }
  });

  test("the decoder makes the scalar floats of any bytes, numbers beyond the codebook included", () => {
    const codebook = someCodebook(format, 100, 3);
    const blocks = 200;
    const bytes = randomBytes(blocks * format.blockBytes, 5);
    const scalar = new Float32Array(blocks * format.blockSize);
    format.bind(codebook).decode(bytes, scalar);
    const prepared = prepareDecoding(format, codebook);
    const [at, from, to] = place([prepared.length, bytes.length, scalar.byteLength]) as number[];
    new Uint8Array(memory.buffer).set(prepared, at);
    new Uint8Array(memory.buffer).set(bytes, from);
    wasm.decoder(format.name)!(from!, to!, blocks, at!);
    const simd = new Float32Array(memory.buffer, to, scalar.length);
    expect(scalar.findIndex((value, i) => !Object.is(value, simd[i]!))).toBe(-1);
  });

  test("the fit gives the same codebook with either backend, weighted or not", () => {
    const next = gaussian(uniform(11));
    const sample = Float32Array.from({ length: 150 * format.blockSize }, () => next() * 0.02);
    sample.fill(0, 0, format.blockSize);
    const importance = Float32Array.from(sample, (_, i) => ((i * 7) % 13) + 0.25);
    const [base] = place([fitBytes(format, sample.length, true) + 4096]) as number[];
    for (const weights of [undefined, importance]) {
      const options = { tables: 12, effort: "normal" as const, ...(weights ? { importance: weights } : {}) };
      const scalar = fitCodebook(format, sample, { ...options, steps: fitSteps });
      const simd = fitCodebook(format, sample, { ...options, steps: moduleSteps(wasm, base!) });
      expect(simd).toEqual(scalar);
    }
  });
});

test("the header of a prepared codebook holds the trials of every effort, and refuses more", () => {
  const format = formats.find(({ name }) => name === "q4_cb")!;
  const trials = EFFORTS.flatMap((effort) =>
    [1, 4, 5, 32, 33, 256].map(
      (count) => viewPreparedCodebook(prepareCodebook(format, someCodebook(format, count, 1), effort)).trials,
    ),
  );
  expect(Math.max(...trials)).toBe(MAX_TRIALS);
  const header = new Int32Array(HEADER_BYTES / 4);
  writeSearch({ trials: Array<number>(MAX_TRIALS).fill(1), refined: 1 }, header);
  expect(header.at(-1)).toBe(32767);
  expect(() => writeSearch({ trials: Array<number>(MAX_TRIALS + 1).fill(1), refined: 1 }, header)).toThrow(
    "a search of 21 trials, a prepared codebook has room for 20",
  );
});
