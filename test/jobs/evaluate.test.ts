/** Evaluation as a job: originals that are named, found or only known by their logits, and a conversion's own. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { parseManifest } from "#dist/src/container/manifest.js";
import { evaluateModel, outlineEvaluation } from "#dist/src/jobs/evaluate-model.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { readManifest } from "#dist/src/open/read-manifest.js";
import { FABLE, FABLE_FOLDER, ROOT, temporaryFolder, temporaryFolderForFile } from "../support/cli.js";

const TEXT = join(ROOT, "fixtures/fable/text.txt");
const CHOICES = { text: TEXT, context: 128, chunks: 4 };
const folder = temporaryFolderForFile();
const Q4_0 = join(folder, "fable-q4_0.gguf");

beforeAll(async () => {
  await quantize({ input: FABLE, output: Q4_0, scheme: "q4_0", pure: true });
});

/** The steady part of a report. */
function numbersOf({ perplexity, comparison, layers }: Awaited<ReturnType<typeof evaluateModel>>) {
  return { perplexity, comparison, layers };
}

describe("the original", () => {
  test("is found through the manifest, and said to be missing where it is not there", async () => {
    const lone = await evaluateModel({ input: Q4_0, ...CHOICES });
    expect(lone.comparison).toBeUndefined();
    expect(lone.warnings).toEqual([expect.stringMatching(/was made from fable-f16\.gguf .* nothing to compare with/)]);
    copyFileSync(FABLE, join(folder, "fable-f16.gguf"));
    const found = await evaluateModel({ input: Q4_0, ...CHOICES });
    expect(found).toMatchObject({ against: join(folder, "fable-f16.gguf"), warnings: [] });
    expect(numbersOf(found)).toEqual(numbersOf(await evaluateModel({ input: Q4_0, against: FABLE, ...CHOICES })));
  });

  test("may be known by its logits alone, which hold the tokens too", async () => {
    const logits = join(temporaryFolder(), "base.logits");
    const saved = await evaluateModel({ input: FABLE, ...CHOICES, saveLogits: logits });
    expect(saved).toMatchObject({ savedLogits: logits, scored: 252 });
    const { perplexity, comparison } = await evaluateModel({ input: Q4_0, against: FABLE, ...CHOICES });
    for (const text of [{}, { text: TEXT }]) {
      const fromLogits = await evaluateModel({ input: Q4_0, baseLogits: logits, ...text });
      expect(fromLogits).toMatchObject({ perplexity, comparison, layers: [], windows: 4, context: 128 });
    }
    const fewer = await evaluateModel({ input: Q4_0, baseLogits: logits, chunks: 2 });
    expect(fewer.scored).toBe(126);
  });

  test("may be a folder of safetensors", async () => {
    const { comparison, layers } = await evaluateModel({ input: FABLE, against: FABLE_FOLDER, ...CHOICES });
    // The folder holds its norms as halves.
    expect(comparison!.divergence.mean.value).toBeLessThan(1e-4);
    expect(layers.every(({ relativeError }) => relativeError < 1e-5)).toBe(true);
  });
});

test("a model beside itself loses nothing", async () => {
  const { comparison, layers } = await evaluateModel({ input: FABLE, against: FABLE, ...CHOICES });
  expect(comparison).toMatchObject({ sameTop: { value: 1, error: 0 } });
  expect(Math.abs(comparison!.divergence.mean.value)).toBeLessThan(1e-4);
  expect(layers).toEqual([0, 1, 2].map((layer) => ({ layer, relativeError: 0, cosine: 1 })));
});

test("kernels on 8-bit activations lose a little more than decoded weights", async () => {
  const of = async (arithmetic: "kernels" | "float") => {
    const { comparison, kernels } = await evaluateModel({ input: Q4_0, against: FABLE, ...CHOICES, arithmetic });
    return { loss: comparison!.divergence.mean.value, activations: kernels.map((use) => use.activations) };
  };
  const [kernels, float] = [await of("kernels"), await of("float")];
  expect(kernels.activations).toEqual(["q8_0"]);
  expect(float.activations).toEqual(["f32"]);
  expect(kernels.loss).not.toBe(float.loss);
  expect(Math.abs(kernels.loss / float.loss - 1)).toBeLessThan(0.2);
});

test("an outline says what an evaluation takes, and reads no weight", async () => {
  const outline = await outlineEvaluation({ input: Q4_0, against: FABLE, ...CHOICES, saveLogits: "never-written" });
  expect(outline).toMatchObject({ windows: 4, context: 128, against: FABLE, plannedDisk: 0, arithmetic: "kernels" });
  expect(outline.plannedMemory).toBeGreaterThan(2 ** 27);
  expect(outline.estimatedSeconds).toBeGreaterThan(0);
  expect(outline.logitsBytes).toBe(20 + 4 * 512 + 252 * 516 * 2);
  expect(existsSync("never-written")).toBe(false);
});

describe("bounds", () => {
  const input = { input: Q4_0, against: FABLE, ...CHOICES };
  test.each([
    [{ maxKld: 1e-4 }, /KL divergence 0\.00\d+, at most 0\.0001 allowed/],
    [{ minSameTop: 0.999 }, /same top token 0\.9\d+, at least 0\.999 required/],
    [{ maxPplRatio: 0.9 }, /perplexity ratio 1\.0\d+, at most 0\.9 allowed/],
    [{ maxKld: 0, minSameTop: 1 }, /KL divergence .*; same top token/],
  ])("%o is missed, with the report as the cause", async (budget, message) => {
    const error = await evaluateModel({ ...input, ...budget }).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(QuantizeError);
    expect(error).toMatchObject({ code: "budget", message: expect.stringMatching(message), cause: { scored: 252 } });
  });

  test("that are kept do not matter", async () => {
    const { scored } = await evaluateModel({ ...input, maxKld: 0.1, minSameTop: 0.5, maxPplRatio: 2 });
    expect(scored).toBe(252);
  });

  test("of a model without an original, and of fewer than 100 scored tokens, are refused", async () => {
    const lone = { input: FABLE, ...CHOICES, maxKld: 1 };
    await expect(evaluateModel(lone)).rejects.toMatchObject({ code: "usage", message: /needs an original/ });
    const few = { ...input, chunks: 1 };
    await expect(evaluateModel(few)).rejects.toMatchObject({ code: "usage", message: /at least 100 scored tokens/ });
  });
});

describe("a conversion with a text", () => {
  const evaluation = { text: TEXT, context: 128, chunks: 4 };

  test("reports what eval finds in the finished file, and the manifest keeps it", async () => {
    const output = join(temporaryFolder(), "out.gguf");
    const report = await quantize({ input: FABLE, output, scheme: "q4_cb", layout: "4x8", evaluation });
    const alone = await evaluateModel({ input: output, against: FABLE, ...CHOICES });
    expect(numbersOf(report.evaluation!)).toEqual(numbersOf(alone));
    const { divergence, sameTop, basePerplexity } = alone.comparison!;
    const manifest = await readManifest(output);
    expect(manifest.evaluation).toEqual({
      text: "text.txt",
      textHash: alone.textHash,
      context: 128,
      windows: 4,
      scored: 252,
      arithmetic: "kernels",
      perplexity: alone.perplexity,
      basePerplexity,
      divergence: {
        ...divergence.mean,
        percent99: divergence.percentiles.find(({ percent }) => percent === 99)!.value,
        maximum: divergence.maximum,
      },
      sameTop,
    });
  });

  test("gives the same bytes for any number of threads", async () => {
    const place = temporaryFolder();
    const outputs = [1, 2, 3].map((threads) => join(place, `${threads}.gguf`));
    for (const [i, output] of outputs.entries()) {
      await quantize({ input: FABLE, output, scheme: "q4_0", threads: i + 1, evaluation });
    }
    const [one, two, three] = outputs.map((path) => readFileSync(path));
    expect(one!.equals(two!) && one!.equals(three!)).toBe(true);
  });

  test("evaluates a split output, whose parts have no names yet", async () => {
    const output = join(temporaryFolder(), "out.gguf");
    const options = { input: FABLE, output, scheme: "q8_0", evaluation, splitMaxBytes: 500_000 };
    const report = await quantize(options);
    expect(report.outputs!.length).toBeGreaterThan(1);
    expect(report.evaluation!.comparison!.divergence.mean.value).toBeLessThan(1e-3);
  });

  test("that misses its bound leaves no file", async () => {
    const place = temporaryFolder();
    const wanted = { input: FABLE, output: join(place, "out.gguf"), scheme: "q2_k" };
    const error = await quantize({ ...wanted, evaluation: { ...evaluation, maxKld: 0.01 } }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: "budget", cause: { evaluation: { scored: 252 }, tensors: expect.any(Array) } });
    expect(readdirSync(place)).toEqual([]);
  });

  test("that is too short is refused before anything is written", async () => {
    const place = temporaryFolder();
    const text = join(place, "short.txt");
    writeFileSync(text, "Once upon a time.");
    mkdirSync(join(place, "out"));
    const wanted = { input: FABLE, output: join(place, "out", "out.gguf"), scheme: "q4_0" };
    await expect(quantize({ ...wanted, evaluation: { text } })).rejects.toMatchObject({ code: "usage" });
    expect(readdirSync(join(place, "out"))).toEqual([]);
  });
});

test("a manifest without an evaluation is one all the same, a damaged evaluation is not", async () => {
  const manifest = await readManifest(Q4_0);
  expect(manifest.evaluation).toBeUndefined();
  const damaged = { ...manifest, evaluation: { text: "t" } };
  await expect(parseManifest(JSON.stringify(damaged), "m")).rejects.toThrow(/manifest, evaluation\./);
});
