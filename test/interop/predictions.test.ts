/** Folders of every architecture, converted: llama.cpp loads them, and predicts what it predicts of its own conversion. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { GOLDEN_NAMES, goldenFolder, randomFolder, readGolden, writeVocabulary } from "../support/golden-folder.ts";
import { OWN_FOLDERS } from "../support/own-folders.ts";
import { llamaPredict } from "./llama.ts";

const folder = mkdtempSync(join(tmpdir(), "predictions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Log-probabilities of the first 16 tokens behind the ids, against that of the first. */
async function predict(input: string): Promise<number[]> {
  writeVocabulary(input);
  const model = join(folder, "model.gguf");
  await quantize({ input, output: model, scheme: "f16", verify: "off", force: true, threads: 1 });
  const ids = Array.from({ length: 24 }, (_, i) => (7 * i) % 320);
  const first = llamaPredict({ model, ids }).slice(0, 16).map(Math.log);
  return first.map((value) => value - first[0]!);
}

/** Not read; and one for which the binding's contexts, which are made for text alone, stop in an assertion. */
const LEFT_OUT = ["gemma3n", "qwen3vl"];
const evaluated = GOLDEN_NAMES.filter((name) => !LEFT_OUT.includes(name) && readGolden(name).logits !== undefined);

test.each(evaluated)("%s: llama.cpp predicts what it predicts of its converter's file", async (name) => {
  const golden = readGolden(name);
  const found = await predict(goldenFolder(name, golden));
  const expected = golden.logits!.map((value) => value - golden.logits![0]!);
  // OLMoE has its config's epsilon, where the converter takes another.
  const most = name === "olmoe" ? 3e-3 : 1e-3;
  for (const [i, value] of found.entries()) expect(Math.abs(value - expected[i]!)).toBeLessThan(most);
});

test("exaone, which it cannot load as its converter writes it", async () => {
  const found = await predict(goldenFolder("exaone", readGolden("exaone")));
  expect(found.every(Number.isFinite)).toBe(true);
});

test.each(Object.entries(OWN_FOLDERS))("%s is loaded and evaluated", async (_, { config, sources }) => {
  const found = await predict(randomFolder(config, sources));
  expect(found.every(Number.isFinite)).toBe(true);
});
