import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { resolveCodec } from "#dist/codecs/registry.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { dequantize } from "#dist/src/jobs/dequantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { findTensor, readMatrix, readRows, withTensorReader } from "#dist/src/open/tensor-reader.js";
import { temporaryFolderForFile } from "../support/cli.ts";
import { randomWeights, writeGguf } from "../support/models.ts";
import { readWeights } from "../support/read-weights.ts";

const folder = temporaryFolderForFile();
const at = (name: string): string => join(folder, name);
const EXPERTS = "blk.0.ffn_up_exps.weight";

beforeAll(async () => {
  const bytes = new Uint8Array(256 * 64 * 3 * 2);
  resolveCodec("f16").encode!(randomWeights(256 * 64 * 3, 4, 0.05), bytes, { rowLength: 256 });
  const metadata = new Map([["general.architecture", { type: "string", value: "llama" } as const]]);
  writeGguf(at("f16.gguf"), metadata, [{ name: EXPERTS, shape: [256, 64, 3], type: 1, bytes }]);
});

describe("rows are what dequantizing the file gives, in any format and layout", () => {
  test.each([
    ["q4_cb", "4x8"],
    ["q4_cb", "rows"],
    ["q4_0", "4x4"],
    ["q6_K", "8x8"],
    ["q8_0", "16x1"],
  ])("%s %s", async (scheme, layout) => {
    const [input, output] = [at(`${scheme}-${layout}.gguf`), at(`${scheme}-${layout}-f32.gguf`)];
    await quantize({ input: at("f16.gguf"), output: input, scheme, layout, tables: 2, pure: true });
    await dequantize({ input, output, to: "f32" });
    const want = readWeights(await openModel(output), EXPERTS);
    const model = await openModel(input);
    const tensor = findTensor(model, EXPERTS);
    expect([tensor.codec, tensor.layout]).toEqual([scheme, layout]);
    expect(await readRows(model, tensor)).toEqual(want);
    // Across slices, each with tables of its own, and not at the edges of groups.
    expect(await readRows(model, tensor, 63, 130)).toEqual(want.subarray(63 * 256, 130 * 256));
    expect(await readRows(model, tensor, 5, 5)).toEqual(new Float32Array(0));
  });
});

test("a matrix is one slice, with its own tables", async () => {
  const model = await openModel(at("q4_cb-4x8.gguf"));
  const tensor = findTensor(model, EXPERTS);
  const matrix = await readMatrix(model, tensor, 2);
  expect(matrix).toMatchObject({ rows: 64, rowLength: 256, codebook: tensor.codebooks![2] });
  const stored = await withTensorReader(model, tensor, (reader) => reader.stored(128, 192));
  expect(matrix.bytes).toEqual(stored);
  await expect(async () => readMatrix(model, tensor, 3)).rejects.toThrow(
    "slice 3, expected a whole number from 0 to 2",
  );
});

test.each([
  [0, 193],
  [-1, 4],
  [7, 6],
  [0.5, 2],
  [NaN, 2],
])("rows %d to %d are an error", async (start, end) => {
  const model = await openModel(at("q4_cb-4x8.gguf"));
  await expect(readRows(model, findTensor(model, EXPERTS), start, end)).rejects.toThrow(RangeError);
});
