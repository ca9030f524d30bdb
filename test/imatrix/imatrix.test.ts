import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { readImatrix } from "#dist/src/imatrix/read-imatrix.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import type { Metadata } from "#dist/src/read/model.js";
import { describeModel, writeGguf, writeLegacyImatrix } from "../support/models.ts";

const folder = mkdtempSync(join(tmpdir(), "imatrix-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Entry {
  readonly name: string;
  readonly sums: readonly number[];
  readonly counts: readonly number[];
}

function legacy(entries: readonly Entry[], tail?: Buffer): string {
  const path = join(folder, "matrix.dat");
  const list = entries.map(({ name, sums, counts }) => ({ name, sums, calls: counts[0]! }));
  writeLegacyImatrix(path, list, tail);
  return path;
}

function inGguf(entries: readonly Entry[], rename = (name: string) => name): string {
  const metadata: Metadata = new Map([
    ["general.type", { type: "string", value: "imatrix" }],
    ["imatrix.datasets", { type: "array", elementType: "string", values: ["wiki.txt", "code.txt"] }],
    ["imatrix.chunk_count", { type: "uint32", value: 12 }],
    ["imatrix.chunk_size", { type: "uint32", value: 512 }],
  ]);
  const f32 = (values: readonly number[]) => new Uint8Array(new Float32Array(values).buffer);
  const tensors = entries.flatMap(({ name, sums, counts }) => [
    {
      ...{ name: rename(`${name}.in_sum2`), type: 0, bytes: f32(sums) },
      shape: [sums.length / counts.length, counts.length],
    },
    { name: rename(`${name}.counts`), type: 0, bytes: f32(counts), shape: [1, counts.length] },
  ]);
  const path = join(folder, "matrix.gguf");
  writeGguf(path, metadata, tensors);
  return path;
}

const failure = (run: () => unknown): QuantizeError => {
  try {
    run();
  } catch (error) {
    if (error instanceof QuantizeError) return error;
    throw error;
  }
  throw new Error("expected a failure");
};

const tail = Buffer.concat([Buffer.from([7, 0, 0, 0, 8, 0, 0, 0]), Buffer.from("wiki.txt")]);

describe("a legacy file", () => {
  test("gives sums divided by calls, in f32", () => {
    const matrix = readImatrix(legacy([{ name: "a.weight", sums: [1, 2, 0.1], counts: [3] }], tail));
    expect([...matrix.entries.get("a.weight")!]).toEqual([1 / 3, 2 / 3, Math.fround(0.1) / 3].map(Math.fround));
    expect(matrix).toMatchObject({ format: "legacy", chunkCount: 7, datasets: ["wiki.txt"] });
  });
  test("may end after its entries", () => {
    expect(readImatrix(legacy([{ name: "a", sums: [4], counts: [2] }])).chunkCount).toBeUndefined();
  });
  test("without calls holds means already", () => {
    expect([...readImatrix(legacy([{ name: "a", sums: [4, 5], counts: [0] }])).entries.get("a")!]).toEqual([4, 5]);
  });
  test.each([
    ["empty", Buffer.alloc(0), /header|importance file/],
    ["a negative count", Buffer.from([255, 255, 255, 255]), /found -1/],
    ["a count beyond the file", Buffer.from([255, 255, 255, 127, 0, 0, 0, 0]), /found 2147483647/],
    ["a name beyond the file", Buffer.from([1, 0, 0, 0, 200, 0, 0, 0, ...new Array(20).fill(97)]), /name's length/],
    [
      "values beyond the file",
      Buffer.from([1, 0, 0, 0, 1, 0, 0, 0, 97, 1, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0]),
      /found 9/,
    ],
  ])("is refused when damaged: %s", (_, bytes, message) => {
    const path = join(folder, "bad.dat");
    writeFileSync(path, bytes);
    const error = failure(() => readImatrix(path));
    expect(error.code).toBe("bad-format");
    expect(error.message).toMatch(message);
    expect(error.message).toContain("bad.dat");
  });
  test("is refused with bytes after its end", () => {
    const path = legacy([{ name: "a", sums: [4], counts: [2] }], Buffer.concat([tail, Buffer.from([1])]));
    expect(failure(() => readImatrix(path)).message).toMatch(/expected the file's end/);
  });
});

describe("a GGUF file", () => {
  test("gives sums divided by counts, slice by slice", () => {
    const matrix = readImatrix(inGguf([{ name: "x.weight", sums: [2, 4, 9, 3], counts: [2, 3] }]));
    expect([...matrix.entries.get("x.weight")!]).toEqual([1, 2, 3, 1]);
    expect(matrix).toMatchObject({ format: "gguf", chunkCount: 12, datasets: ["wiki.txt", "code.txt"] });
  });
  test("counts experts that nobody met as neutral", () => {
    const matrix = readImatrix(inGguf([{ name: "x.weight", sums: [2, 4, 5, 5, 0, 0], counts: [2, 0, 4] }]));
    expect([...matrix.entries.get("x.weight")!]).toEqual([1, 2, 1, 1, 1, 1]);
    expect(matrix.unseenSlices.get("x.weight")).toBe(2);
  });
  test("is refused when sums and counts do not belong together", () => {
    const path = inGguf([{ name: "x", sums: [1], counts: [1] }], (name) => name.replace(".counts", ".count"));
    expect(failure(() => readImatrix(path))).toMatchObject({ code: "bad-format" });
    expect(failure(() => readImatrix(path)).message).toMatch(/"x" has sums, but no counts/);
  });
  test("is refused when it is a model", () => {
    const path = new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url).pathname;
    expect(failure(() => readImatrix(path)).message).toMatch(/no importance matrix/);
  });
});

test.each([NaN, Infinity, -1])("a sum of %d is refused, named by tensor and column", (value) => {
  for (const path of [
    legacy([{ name: "blk.0.attn_q.weight", sums: [1, 2, value], counts: [1] }]),
    inGguf([{ name: "blk.0.attn_q.weight", sums: [1, 2, value], counts: [1] }]),
  ]) {
    const error = failure(() => readImatrix(path));
    expect(error.code).toBe("bad-data");
    expect(error.message).toContain(
      `"blk.0.attn_q.weight", column 2: expected a finite sum of squares, found ${value}`,
    );
  }
});

test("entries are chosen by parts of their names", () => {
  const path = inGguf(["ffn_up", "ffn_down", "attn_q"].map((name) => ({ name, sums: [1], counts: [1] })));
  expect([...readImatrix(path, { include: ["ffn"] }).entries.keys()]).toEqual(["ffn_up", "ffn_down"]);
  expect([...readImatrix(path, { exclude: ["ffn", "zzz"] }).entries.keys()]).toEqual(["attn_q"]);
  expect(failure(() => readImatrix(path, { include: ["x"], exclude: ["y"] })).code).toBe("usage");
  expect(failure(() => readImatrix(path, { include: ["x"] })).code).toBe("usage");
});

describe("in a plan", () => {
  const model = describeModel({
    name: "m",
    layers: 1,
    width: 64,
    feedForward: 96,
    heads: 4,
    valueHeads: 2,
    experts: 2,
  });
  const matrix = (name: string, length: number) =>
    readImatrix(inGguf([{ name, sums: new Array<number>(length).fill(2), counts: [1] }]));
  test("importance reaches the tensor, and the output's metadata says where it comes from", () => {
    const plan = planConversion(model, { scheme: "q8_0", imatrix: matrix("blk.0.attn_q.weight", 64) });
    const query = plan.tensors.find((t) => t.tensor.name === "blk.0.attn_q.weight")!;
    expect(query.importance).toEqual(new Float32Array(64).fill(2));
    expect(plan.tensors.filter((t) => t.importance !== undefined)).toHaveLength(1);
    expect(plan.metadata.get("quantize.imatrix.entries_count")).toEqual({ type: "uint32", value: 1 });
    expect(plan.metadata.get("quantize.imatrix.chunks_count")).toEqual({ type: "uint32", value: 12 });
    expect(plan.metadata.get("quantize.imatrix.dataset")).toEqual({ type: "string", value: "wiki.txt" });
    expect(plan.metadata.get("quantize.imatrix.file")!.type).toBe("string");
    expect(plan.warnings[0]).toMatch(/has no entry for \d+ of \d+ tensors/);
  });
  test("stacked experts take one row of importance each", () => {
    const name = "blk.0.ffn_up_exps.weight";
    expect(planConversion(model, { scheme: "q8_0", imatrix: matrix(name, 128) }).warnings).toHaveLength(1);
    const error = failure(() => planConversion(model, { scheme: "q8_0", imatrix: matrix(name, 64) }));
    expect(error.code).toBe("bad-data");
    expect(error.message).toMatch(/64 values, expected 128 \(64 columns, 2 slices\)/);
  });
  test("a matrix of another model is refused", () => {
    const error = failure(() => planConversion(model, { scheme: "q8_0", imatrix: matrix("encoder.weight", 64) }));
    expect(error.code).toBe("bad-data");
    expect(error.message).toMatch(/none of its 1 entries \(encoder\.weight, \.\.\.\) names a tensor of this model/);
  });
  test("an embedding's entry of another length is passed over", () => {
    const plan = planConversion(model, { scheme: "q8_0", imatrix: matrix("token_embd.weight", 3) });
    expect(plan.tensors.find((t) => t.tensor.name === "token_embd.weight")!.importance).toBeUndefined();
  });
  test("a recipe's types that need importance are refused without", () => {
    const recipe = { name: "r", type: "q4_0", rules: [], needsImatrix: ["q4_0"] };
    expect(failure(() => planConversion(model, { scheme: recipe }))).toMatchObject({ code: "usage" });
    const imatrix = matrix("blk.0.attn_q.weight", 64);
    expect(failure(() => planConversion(model, { scheme: recipe, imatrix }))).toMatchObject({ code: "bad-data" });
  });
});
