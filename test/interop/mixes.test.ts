/**
 * llama.cpp's mixes: the same tensors in the same order, of the same types and with the same bytes as llama-quantize.
 */
import { mkdtempSync, openSync, closeSync, readSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readImatrix } from "../../dist/src/imatrix/read-imatrix.js";
import { MIXES } from "../../dist/src/plan/recipes/mixes.js";
import type { PlanOptions } from "../../dist/src/plan/plan.js";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { openModel } from "../../dist/src/open/open-model.js";
import type { Model } from "../../dist/src/read/model.js";
import { randomNumbers, tensorShapes, writeLegacyImatrix, writeModel, type ModelShape } from "../support/models.ts";
import { FTYPES, llamaEvaluate, llamaQuantize, type LlamaQuantizeOptions } from "./llama.ts";

const folder = mkdtempSync(join(tmpdir(), "mixes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODELS: ModelShape[] = [
  { name: "grouped queries", layers: 17, width: 256, feedForward: 256, heads: 8, valueHeads: 2 },
  { name: "tied embeddings", layers: 3, width: 256, feedForward: 256, heads: 8, valueHeads: 4, isTied: true },
  { name: "eight experts", layers: 4, width: 256, feedForward: 256, heads: 8, valueHeads: 8, experts: 8 },
  { name: "four experts", layers: 8, width: 256, feedForward: 256, heads: 8, valueHeads: 2, experts: 4 },
  { name: "rows of 2688", layers: 2, width: 256, feedForward: 2688, heads: 8, valueHeads: 4 },
  { name: "rows of 96", layers: 2, width: 96, feedForward: 160, heads: 4, valueHeads: 4 },
  {
    name: "rows of 96, tied, bf16",
    layers: 2,
    width: 96,
    feedForward: 160,
    heads: 4,
    valueHeads: 4,
    isTied: true,
    codec: "bf16",
  },
  // Older versions of llama-quantize stop at such rows; the shipped one takes f16, as we do.
  { name: "rows of 172", layers: 2, width: 64, feedForward: 172, heads: 8, valueHeads: 4 },
  {
    name: "80 layers",
    ...{ layers: 80, width: 256, feedForward: 256, heads: 8, valueHeads: 1 },
    presentLayers: [0, 1, 2, 3, 4, 5, 9, 11, 40, 70, 79],
  },
  { name: "falcon", architecture: "falcon", layers: 17, width: 256, feedForward: 256, heads: 8, valueHeads: 8 },
  {
    ...{ name: "phi3, f32", architecture: "phi3", isFused: true, codec: "f32" as const },
    ...{ layers: 9, width: 256, feedForward: 256, heads: 8, valueHeads: 8 },
  },
];
const mixes = MIXES.map(({ name }) => name).filter((name) => name in FTYPES);

function bytesOf(model: Model, index: number): Buffer {
  const tensor = model.tensors[index]!;
  const parts = tensor.extents.map(({ file, byteOffset, byteLength }) => {
    const fd = openSync(model.files[file]!.path, "r");
    const bytes = Buffer.alloc(byteLength);
    readSync(fd, bytes, 0, byteLength, byteOffset);
    closeSync(fd);
    return bytes;
  });
  return Buffer.concat(parts);
}

/** Converts with both, and expects one result. */
async function expectEqual(
  input: string,
  scheme: string,
  ours: Partial<PlanOptions> = {},
  theirs: Partial<LlamaQuantizeOptions> = {},
) {
  const peer = join(folder, "peer.gguf");
  const output = join(folder, "ours.gguf");
  const result = llamaQuantize({ input, output: peer, scheme, ...theirs });
  expect(result.code, result.log).toBe(0);
  await quantize({ input, output, scheme, verify: "off", force: true, ...ours });
  const [expected, found] = [await openModel(peer), await openModel(output)];
  const list = (model: Model) => model.tensors.map(({ name, codec }) => `${name} ${codec}`);
  expect(list(found)).toEqual(list(expected));
  const different = expected.tensors.filter((_, i) => !bytesOf(expected, i).equals(bytesOf(found, i)));
  expect(different.map(({ name, codec }) => `${name} ${codec}`)).toEqual([]);
  for (const key of ["general.file_type", "general.quantization_version"])
    expect(found.metadata.get(key)).toEqual(expected.metadata.get(key));
}

function modelFile(shape: ModelShape): string {
  const path = join(folder, `${shape.name}.gguf`);
  writeModel(path, shape);
  return path;
}

/** Importance of every matrix, uneven, as a file for us and as JSON for the peer. */
function imatrixFiles(shape: ModelShape): { ours: string; theirs: string } {
  const random = randomNumbers(7);
  const entries = tensorShapes(shape)
    .filter(([name, dims]) => dims.length > 1 && !name.startsWith("token_embd"))
    .map(([name, dims]) => {
      const values = Float32Array.from({ length: dims[0]! * (dims[2] ?? 1) }, () => 0.01 + random() ** 4 * 10);
      return { name, values };
    });
  const ours = join(folder, `${shape.name}.dat`);
  const theirs = join(folder, `${shape.name}.json`);
  writeLegacyImatrix(
    ours,
    entries.map(({ name, values }) => ({ name, sums: values, calls: 1 })),
  );
  writeFileSync(theirs, JSON.stringify(Object.fromEntries(entries.map(({ name, values }) => [name, [...values]]))));
  return { ours, theirs };
}

/** Mixes in which importance decides types, and two in which it only decides bytes. */
const WITH_IMPORTANCE = ["q4_0", "q5_0", "iq4_nl", "iq4_xs", "q2_k_s", "q4_k_m", "q8_0"];

describe.each(MODELS)("$name", (shape) => {
  let input = "";
  let matrix = { ours: "", theirs: "" };
  beforeAll(() => {
    input = modelFile(shape);
    matrix = imatrixFiles(shape);
  });
  // Without importance llama-quantize refuses q2_k_s where q2_K fits, as we do.
  const plain = mixes.filter((name) => name !== "q2_k_s" || shape.width % 256 !== 0);
  test.each(plain)("%s", (scheme) => expectEqual(input, scheme));
  test.each(WITH_IMPORTANCE)("%s, with importance", async (scheme) => {
    const imatrix = readImatrix(matrix.ours);
    await expectEqual(input, scheme, { imatrix }, { imatrix: matrix.theirs });
  });
});

describe("the fixture", () => {
  const input = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
  test.each([...mixes.filter((name) => name !== "q2_k_s"), "f16", "f32", "bf16"])("%s", (scheme) =>
    expectEqual(input, scheme),
  );
  test("options mean the same", async () => {
    await expectEqual(input, "q4_k_m", { pure: true }, { pure: true });
    await expectEqual(input, "q4_k_m", { leaveOutput: true }, { leaveOutput: true });
    await expectEqual(input, "q4_k_m", { outputType: "q8_0" }, { outputType: 8 });
    await expectEqual(input, "q4_k_m", { embeddingType: "q5_0" }, { embeddingType: 6 });
    const rules = ["blk\\.0\\.attn_v=q8_0", "ffn_(up|gate)=q5_K"];
    const tensorTypes = [
      ["blk\\.0\\.attn_v", 8],
      ["ffn_(up|gate)", 13],
    ] as const;
    await expectEqual(input, "q4_k_m", { rules }, { tensorTypes });
  });

  test("a split set is read, and kept, file by file", async () => {
    const set = await quantize({ input, output: join(folder, "set.gguf"), scheme: "copy", splitMaxBytes: 700_000 });
    const count = set.outputs!.length;
    expect(count).toBeGreaterThan(2);
    const theirs = llamaQuantize({
      input: set.output,
      output: join(folder, "theirs"),
      scheme: "q4_k_m",
      keepSplit: true,
    });
    expect(theirs.code, theirs.log).toBe(0);
    const ours = await quantize({
      input: set.output,
      output: join(folder, "kept.gguf"),
      scheme: "q4_k_m",
      keepSplit: true,
    });
    const expected = await openModel(set.output.replace("set-", "theirs-"));
    const found = await openModel(ours.output);
    const places = (model: Model) =>
      model.tensors.map(({ name, codec, extents }) => `${name} ${codec} ${extents[0]!.file}`);
    expect(places(found)).toEqual(places(expected));
    expect(expected.tensors.filter((_, i) => !bytesOf(expected, i).equals(bytesOf(found, i)))).toEqual([]);
    const text = fileURLToPath(new URL("../../fixtures/fable/text.txt", import.meta.url));
    const [set1, set2] = [found.files[0]!.path, expected.files[0]!.path].map((model) =>
      llamaEvaluate({ model, text, windows: 1, prompt: "Once" }),
    );
    expect(set1).toEqual(set2);
  });
});
