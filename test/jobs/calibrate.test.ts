/** Calibrated conversions of tiny models: the same bytes whoever does the work, and what is said where it is of little use. */
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { Progress } from "#dist/src/engine/run-options.js";
import { quantize, type QuantizeOptions } from "#dist/src/jobs/quantize.js";
import { applyRecipe } from "#dist/src/plan/apply-recipe.js";
import { readRecipe } from "#dist/src/jobs/recipe-files.js";
import { openModel } from "#dist/src/open/open-model.js";
import { readManifest } from "#dist/src/open/read-manifest.js";
import { ROOT, temporaryFolderForFile } from "../support/cli.js";
import { writeModel, type ModelShape } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const folder = temporaryFolderForFile();
const TEXT = join(folder, "text.txt");
writeFileSync(TEXT, readFileSync(join(ROOT, "fixtures/fable/text.txt"), "utf8").slice(0, 900));
const CHOICES = { text: TEXT, context: 16, tokens: 320 };

/** Writes one of the tiny models. */
function tiny(name: string, changes: Partial<ModelShape> = {}): string {
  const path = join(folder, `${name}-${JSON.stringify(changes).replace(/\W+/g, "-")}.gguf`);
  if (!existsSync(path)) writeModel(path, { ...TINY_MODELS.find((shape) => shape.name === name)!, ...changes });
  return path;
}

let count = 0;

async function calibrate(input: string, options: Partial<QuantizeOptions> = {}) {
  const { output = join(folder, `out-${count++}.gguf`) } = options;
  const report = await quantize({
    ...{ input, output, scheme: "q4_0", pure: true, effort: "fast", threads: 1, calibration: CHOICES },
    ...options,
  });
  return { report, bytes: readFileSync(output), output };
}

describe("the same bytes", () => {
  test.each([
    ["llama", "q4_0", "fast", [2, 3]],
    ["llama-tied", "q2_cb", "normal", []],
    ["mixtral", "iq4_nl", "normal", []],
  ] as const)(
    "for any number of threads and either backend: %s, %s, %s",
    async (model, scheme, effort, threadCounts) => {
      const run = (options: Partial<QuantizeOptions>) =>
        calibrate(tiny(model, { layers: 1 }), { scheme, effort, ...options });
      const { bytes, report } = await run({ threads: 1 });
      expect(report.calibration!.isKept).toBe(true);
      for (const threads of threadCounts) expect((await run({ threads })).bytes.equals(bytes)).toBe(true);
      expect((await run({ threads: 2, backend: "scalar" })).bytes.equals(bytes)).toBe(true);
    },
  );

  test("from the manifest of a file", async () => {
    const input = tiny("llama", { layers: 1 });
    const calibration = { tokens: 64, context: 16, seed: 3 };
    const first = await calibrate(input, { calibration });
    const manifest = (await readManifest(first.output))!;
    expect(manifest.calibration).toMatchObject({ text: "self", seed: 3, context: 16, tokens: 64, method: "feedback" });
    const path = join(folder, "manifest.json");
    writeFileSync(path, JSON.stringify(manifest));
    const { options, ...run } = applyRecipe(await readRecipe(path), path);
    expect((await calibrate(input, { ...options, ...run, threads: 2 })).bytes.equals(first.bytes)).toBe(true);
  });
});

describe("an interrupted calibration", () => {
  const input = tiny("llama", { layers: 2 });
  const options = { scheme: "q4_cb", effort: "normal", calibration: { ...CHOICES, text: "self", tokens: 64 } } as const;
  const output = join(folder, "interrupted.gguf");
  const journal = join(`${output}.calibrating`, "journal");
  let lines: string[];
  let whole: Awaited<ReturnType<typeof calibrate>>;

  beforeAll(async () => {
    whole = await calibrate(input, options);
    const stop = new AbortController();
    let isCalibrated = false;
    const onProgress = ({ phase }: Progress): void => {
      isCalibrated ||= phase === "calibrate";
      if (isCalibrated && phase === "evaluate") stop.abort(new Error("interrupted"));
    };
    await expect(calibrate(input, { ...options, output, onProgress, signal: stop.signal })).rejects.toThrow(
      "interrupted",
    );
    lines = readFileSync(journal, "utf8").trim().split("\n");
  });

  test("leaves no output, and a line for the text, for plain rounding and for each layer and the output", () => {
    expect(existsSync(output)).toBe(false);
    expect(lines.map((line) => JSON.parse(line.slice(17)).kind)).toEqual(["begin", "plain", "step", "step", "step"]);
  });

  test("is named where a run would begin anew, and what has changed where it would go on", async () => {
    const again = (changes: Partial<QuantizeOptions>) => calibrate(input, { ...options, output, ...changes });
    await expect(again({})).rejects.toThrow(
      /interrupted\.gguf\.calibrating: a calibration that was not finished; --resume/,
    );
    const resumed = { resume: true } as const;
    await expect(again({ ...resumed, effort: "fast" })).rejects.toThrow(
      /begun with another method: expected .*"descents":0/,
    );
    await expect(again({ ...resumed, scheme: "q4_0" })).rejects.toThrow(/begun with another conversion/);
    await expect(again({ ...resumed, calibration: { ...options.calibration, seed: 7 } })).rejects.toThrow(
      /begun with another text: .*"seed":7/,
    );
    const other = tiny("llama", { layers: 2, feedForward: 128 });
    await expect(calibrate(other, { ...options, ...resumed, output })).rejects.toThrow(/begun with another source/);
  });

  test("is refused where its files are damaged", async () => {
    const [first, ...rest] = lines;
    writeFileSync(journal, `${[first!.replace("64", "65"), ...rest].join("\n")}\n`);
    await expect(calibrate(input, { ...options, output, resume: true })).rejects.toThrow(
      /journal: line 1 is not as it was written/,
    );
  });

  test("goes on after any of its steps, with threads of another number: the same bytes", async () => {
    const saved = join(folder, "saved");
    cpSync(dirname(journal), saved, { recursive: true });
    for (const steps of [3, 1, 0, 2]) {
      cpSync(saved, dirname(journal), { recursive: true, force: true });
      writeFileSync(
        journal,
        lines
          .slice(0, 2 + steps)
          .map((line) => `${line}\n`)
          .join("") + "half a li",
      );
      const { report, bytes } = await calibrate(input, { ...options, output, resume: true, threads: 2, force: true });
      expect(report.calibration!.resumedSteps).toBe(steps);
      expect(bytes.equals(whole.bytes)).toBe(true);
      expect(existsSync(dirname(journal))).toBe(false);
    }
  });
});

describe("what is of little use is said, and never a failure", () => {
  const outcomeOf = ({ report }: Awaited<ReturnType<typeof calibrate>>, name: string) =>
    report.calibration!.tensors.find((tensor) => tensor.name === name);

  test("fewer tokens than columns", async () => {
    const { report } = await calibrate(tiny("llama", { layers: 1 }), { calibration: { ...CHOICES, tokens: 48 } });
    expect(report.warnings).toEqual([
      "blk.0.attn_q.weight and 7 more: 48 tokens for 64 columns; more text gives better codes",
    ]);
  });

  test("experts that few tokens come to are filled up with what comes to all", async () => {
    const run = await calibrate(tiny("mixtral", { layers: 1 }), { effort: "normal" });
    expect(run.report.warnings.join()).toMatch(
      /of 4 experts saw fewer tokens than they have columns \(least: \d+ tokens\)/,
    );
    const { leastTokens, outputError, plainOutputError } = outcomeOf(run, "blk.0.ffn_down_exps.weight")!;
    expect(leastTokens).toBeLessThan(96);
    expect(outputError).toBeLessThan(plainOutputError);
  });

  test("columns that are never seen", async () => {
    const dead = tiny("llama", { layers: 1, name: "dead" });
    const { tensors } = await openModel(dead);
    const { byteOffset } = tensors.find(({ name }) => name === "blk.0.attn_norm.weight")!.extents[0]!;
    const bytes = readFileSync(dead);
    bytes.fill(0, byteOffset, byteOffset + 4 * 40);
    writeFileSync(dead, bytes);
    const run = await calibrate(dead);
    const { outputError, plainOutputError } = outcomeOf(run, "blk.0.attn_q.weight")!;
    expect(outputError).toBeLessThan(plainOutputError);
    expect(run.report.calibration!.isKept).toBe(true);
  });

  test("a tied embedding stays as it was rounded", async () => {
    const input = tiny("llama-tied", { layers: 1 });
    const [calibrated, plain] = [await calibrate(input), await calibrate(input, { calibration: undefined } as object)];
    expect(outcomeOf(calibrated, "token_embd.weight")).toBeUndefined();
    const hashOf = ({ report }: typeof plain, name: string) =>
      report.tensors.find((tensor) => tensor.name === name)!.hash;
    expect(hashOf(calibrated, "token_embd.weight")).toBe(hashOf(plain, "token_embd.weight"));
    expect(hashOf(calibrated, "blk.0.attn_q.weight")).not.toBe(hashOf(plain, "blk.0.attn_q.weight"));
  });

  test("calibrated codes that are no better on text that was held back are not kept", async () => {
    const input = tiny("llama", { layers: 2 });
    const calibration = { tokens: 64, context: 16 };
    const choices = { scheme: "q3_cb", effort: "best" } as const;
    const { report, bytes, output } = await calibrate(input, { calibration, ...choices });
    const { isKept, divergence, plainDivergence } = report.calibration!;
    expect({ isKept, isWorse: divergence.value >= plainDivergence.value }).toEqual({ isKept: false, isWorse: true });
    expect(report.warnings.join()).toMatch(/were not better than plain ones .*: the plain ones stand/);
    expect(report.tensors.some(({ outputError }) => outputError !== undefined)).toBe(false);
    expect((await readManifest(output))!.calibration).toBeUndefined();
    const plain = await calibrate(input, { ...choices, calibration: undefined } as object);
    expect(report.tensors.map(({ hash }) => hash)).toEqual(plain.report.tensors.map(({ hash }) => hash));
    expect(bytes.length).toBeGreaterThanOrEqual(plain.bytes.length);
  });
});
