/** Importance as a job: measured, written in either format, merged, used. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readImatrix, readImatrixContent } from "#dist/src/imatrix/read-imatrix.js";
import { measureImatrix } from "#dist/src/jobs/measure-imatrix.js";
import { mergeImatrices } from "#dist/src/jobs/merge-imatrices.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { withOutput } from "#dist/src/write/atomic-output.js";
import { writeImatrix, type ImatrixFormat } from "#dist/src/write/write-imatrix.js";
import { FABLE, ROOT, temporaryFolder, temporaryFolderForFile } from "../support/cli.js";
import { writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const TEXT = join(ROOT, "fixtures/fable/text.txt");
const folder = temporaryFolderForFile();
const MIXTRAL = join(folder, "mixtral.gguf");
const MEASURED = join(folder, "measured.gguf");

beforeAll(async () => {
  writeModel(
    MIXTRAL,
    TINY_MODELS.find(({ name }) => name === "mixtral")!,
  );
  await measureImatrix({ input: FABLE, text: TEXT, context: 64, chunks: 8, output: MEASURED });
});

test("a measurement has an entry for every matrix of the layers, in name order, with a count of tokens", () => {
  const { entries, datasets, chunkCount, chunkSize } = readImatrixContent(MEASURED);
  expect({ datasets, chunkCount, chunkSize }).toEqual({ datasets: [TEXT], chunkCount: 8, chunkSize: 64 });
  const parts = ["attn_k", "attn_output", "attn_q", "attn_v", "ffn_down", "ffn_gate", "ffn_up"];
  const names = [0, 1].flatMap((layer) => parts.map((part) => `blk.${layer}.${part}.weight`));
  expect(entries.map(({ name }) => name)).toEqual(names);
  expect(entries.every(({ counts }) => counts.length === 1 && counts[0] === 512)).toBe(true);
});

test("it serves a conversion", async () => {
  const output = join(temporaryFolder(), "out.gguf");
  const report = await quantize({ input: FABLE, output, scheme: "q4_k", pure: true, imatrix: readImatrix(MEASURED) });
  expect(report.warnings).toEqual([]);
});

test("experts are counted by themselves, and those hardly used are named", async () => {
  const output = join(temporaryFolder(), "experts.gguf");
  const report = await measureImatrix({ input: MIXTRAL, text: TEXT, context: 32, chunks: 4, output });
  const experts = report.entries.find(({ name }) => name === "blk.0.ffn_up_exps.weight")!;
  expect(experts).toMatchObject({ slices: 4, columns: 64 });
  const { counts } = readImatrixContent(output).entries.find(({ name }) => name === experts.name)!;
  expect(counts.reduce((sum, count) => sum + count)).toBe(2 * 4 * 32);
  expect([Math.min(...counts), Math.max(...counts)]).toEqual([experts.leastTokens, experts.mostTokens]);
});

describe("without a text", () => {
  test("the model writes its own, and the file says so", async () => {
    const [a, b] = ["a", "b"].map((name) => join(folder, `${name}.gguf`)) as [string, string];
    const wanted = { input: FABLE, context: 16, chunks: 4, seed: 3 };
    const report = await measureImatrix({ ...wanted, output: a, threads: 1 });
    expect(report).toMatchObject({ seed: 3, windows: 4, context: 16, chunkCount: 4 });
    expect(report.text).toBeUndefined();
    expect(report.datasets).toEqual([
      expect.stringMatching(/^own text, temperature 1, seed 3, 4 windows of 16 tokens$/),
    ]);
    await measureImatrix({ ...wanted, output: b, threads: 3 });
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
  });
});

describe("merging", () => {
  const content = (sums: number[], counts: number[], name = "blk.0.ffn_up.weight") => ({
    entries: [{ name, sums: Float32Array.from(sums), counts }],
    datasets: ["a"],
    chunkCount: 1,
    chunkSize: 4,
  });
  const written = (path: string, ...what: [ReturnType<typeof content>, ImatrixFormat?]) =>
    withOutput({ path }, (place) => writeImatrix(place, ...what));

  test("adds sums and counts, and names all texts", async () => {
    const place = temporaryFolder();
    const inputs = ["a", "b"].map((name) => join(place, name));
    await written(inputs[0]!, content([1, 2, 3, 4], [4, 8]));
    await written(inputs[1]!, content([10, 20, 30, 40], [4, 0]));
    const report = await mergeImatrices({ inputs, output: join(place, "c") });
    expect(report).toMatchObject({ merged: inputs, datasets: ["a", "a"], chunkSize: 4, chunkCount: 2 });
    const [entry] = readImatrixContent(join(place, "c")).entries;
    expect({ ...entry!, sums: [...entry!.sums] }).toEqual({
      name: "blk.0.ffn_up.weight",
      sums: [11, 22, 33, 44],
      counts: [8, 8],
    });
  });

  test("takes calls of the older format for chunks of tokens", async () => {
    const place = temporaryFolder();
    const [older, newer, both] = ["a.dat", "b.gguf", "c.gguf"].map((name) => join(place, name)) as [
      string,
      string,
      string,
    ];
    await written(older, content([8, 16], [8]), "dat");
    // Means are 1 and 2, calls are 2.
    expect([...readImatrixContent(older).entries[0]!.sums]).toEqual([2, 4]);
    await written(newer, content([1, 1], [4]));
    await mergeImatrices({ inputs: [older, newer], output: both });
    const [entry] = readImatrixContent(both).entries;
    expect({ sums: [...entry!.sums], counts: entry!.counts }).toEqual({ sums: [9, 17], counts: [12] });
  });

  test("a measurement is added to files that are there", async () => {
    const output = join(temporaryFolder(), "sum.gguf");
    await measureImatrix({ input: FABLE, text: TEXT, context: 64, chunks: 8, output, merge: [MEASURED] });
    const [sum, one] = [output, MEASURED].map(readImatrixContent);
    expect(sum).toMatchObject({ chunkCount: 16, datasets: [TEXT, TEXT] });
    for (const [i, { sums, counts }] of sum!.entries.entries()) {
      expect(counts).toEqual([1024]);
      expect([...sums]).toEqual([...one!.entries[i]!.sums].map((x) => Math.fround(x + x)));
    }
  });

  test("files of different models are refused", async () => {
    const place = temporaryFolder();
    const inputs = ["a", "b"].map((name) => join(place, name));
    await written(inputs[0]!, content([1, 2], [4]));
    await written(inputs[1]!, content([1, 2, 3], [4]));
    const merging = mergeImatrices({ inputs, output: join(place, "c") });
    await expect(merging).rejects.toMatchObject({ code: "incompatible", message: /expected 2 sums .* found 3/ });
  });

  test("an expert that nobody came to is a one in the older format", async () => {
    const path = join(temporaryFolder(), "a.dat");
    await written(path, content([4, 8, 0, 0], [4, 0]), "dat");
    expect([...readImatrixContent(path).entries[0]!.sums]).toEqual([1, 2, 1, 1]);
  });
});
