/** Sensitivities measured, and types mixed for a size from them. */
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { readSensitivity } from "#dist/src/calibrate/read-sensitivity.js";
import type { Sensitivity } from "#dist/src/calibrate/sensitivity.types.js";
import { measureSensitivity } from "#dist/src/jobs/measure-sensitivity.js";
import { mixModel, type MixOptions, type MixTarget } from "#dist/src/jobs/mix-model.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import type { Model } from "#dist/src/read/model.js";
import { temporaryFolderForFile } from "../support/cli.js";
import { writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const folder = temporaryFolderForFile();
const PATH = join(folder, "tiny.gguf");
const CANDIDATES = ["q4_0", "q5_0", "q8_0"];
const CHOICES = { input: PATH, candidates: CANDIDATES, tokens: 128, context: 32 };

let sensitivity: Sensitivity;
let model: Model;
beforeAll(async () => {
  writeModel(
    PATH,
    TINY_MODELS.find(({ name }) => name === "mixtral")!,
  );
  model = await openModel(PATH);
  sensitivity = await measureSensitivity({ ...CHOICES, threads: 1 });
});

const mixed = (target: MixTarget, options: MixOptions = {}) => mixModel(model, sensitivity, target, options);
const typesOf = ({ plan }: ReturnType<typeof mixed>): Record<string, string> =>
  Object.fromEntries(plan.tensors.map(({ tensor, codec }) => [tensor.name, codec]));

describe("a measurement", () => {
  test("has every matrix of the pass, with what each type does to it", () => {
    const names = sensitivity.tensors.map(({ name }) => name);
    expect(names).toContain("token_embd.weight");
    expect(names).toContain("blk.1.ffn_down_exps.weight");
    expect(names).not.toContain("blk.0.ffn_gate_inp.weight");
    expect(sensitivity).toMatchObject({ reference: "q4_0", candidates: CANDIDATES, text: "self", tokens: 128 });
    for (const { divergence, types } of sensitivity.tensors) {
      expect(divergence).toBeGreaterThan(0);
      const errors = CANDIDATES.map((name) => types[name]!.nmse);
      expect(errors).toEqual([...errors].sort((a, b) => b - a));
    }
  });

  test("is the same for any number of threads", async () => {
    for (const threads of [2, 3]) expect(await measureSensitivity({ ...CHOICES, threads })).toEqual(sensitivity);
  });

  test("is read back, for that model only", async () => {
    const path = join(folder, "tiny.json");
    writeFileSync(path, JSON.stringify(sensitivity));
    expect(readSensitivity(path, model)).toEqual(sensitivity);
    const other = join(folder, "other.gguf");
    writeModel(
      other,
      TINY_MODELS.find(({ name }) => name === "llama")!,
    );
    const wrong = await openModel(other);
    expect(() => readSensitivity(path, wrong)).toThrow(/measured on another model: expected other\.gguf of \d+ bytes/);
  });

  test.each([
    ["no JSON", "{", /expected JSON/],
    ["something else", "[]", /expected object/],
    ["a negative error", { tensors: [{ name: "a", shape: [1], divergence: -1, types: {} }] }, /tensors\.0\.divergence/],
    ["a type that was not measured", { reference: "q6_K" }, /reference/],
    ["a tensor without a candidate", { candidates: ["q4_0", "q2_K"] }, /q2_K/],
  ])("that is %s is refused", (_, change, message) => {
    const path = join(folder, "bad.json");
    writeFileSync(path, typeof change === "string" ? change : JSON.stringify({ ...sensitivity, ...change }));
    expect(() => readSensitivity(path, model)).toThrow(message);
  });
});

describe("a mix", () => {
  test.each([4.8, 5, 5.5, 6, 7, 8])("for %d bits stays below, and within what one change would add", (bits) => {
    const mix = mixed({ bitsPerWeight: bits });
    expect(mix.bitsPerWeight).toBeLessThanOrEqual(bits);
    expect(mix.bitsPerWeight).toBeGreaterThan(bits - 0.4);
    expect(mix.bound).toBeLessThanOrEqual(mix.estimatedDivergence);
    expect(mix.plan.mixed).toMatch(new RegExp(`^for ${bits} bits per weight: .* bits, estimated KL `));
  });

  test("loses less the larger it may be", () => {
    const losses = [4.8, 5.5, 6.5, 7.5].map((bits) => mixed({ bitsPerWeight: bits }).estimatedDivergence);
    expect(losses).toEqual([...losses].sort((a, b) => b - a));
  });

  test("for a size is written no larger", async () => {
    const bytes = 160_000;
    const { plan } = mixed({ bytes });
    const output = join(folder, "sized.gguf");
    await quantize({ input: PATH, output, scheme: plan.recipe.scheme, threads: 1 });
    expect(statSync(output).size).toBeLessThanOrEqual(bytes);
    expect(statSync(output).size).toBeGreaterThan(0.9 * bytes);
  });

  test("is a recipe that gives the same plan", async () => {
    const { plan } = mixed({ bitsPerWeight: 6 });
    const output = join(folder, "again.gguf");
    const report = await quantize({ input: PATH, output, scheme: plan.recipe.scheme, threads: 1 });
    expect(report.tensors.map(({ to }) => to.codec)).toEqual(plan.tensors.map(({ codec }) => codec));
    expect(new Set(report.tensors.map(({ to }) => to.codec)).size).toBeGreaterThan(2);
  });

  test("leaves alone what rules decide, and counts it", () => {
    const mix = mixed({ bitsPerWeight: 7.5 }, { rules: ["ffn_up_exps=q8_0"], embeddingType: "f16" });
    expect(mix.bitsPerWeight).toBeLessThanOrEqual(7.5);
    expect(typesOf(mix)).toMatchObject({
      "token_embd.weight": "f16",
      "blk.0.ffn_up_exps.weight": "q8_0",
      "blk.1.ffn_up_exps.weight": "q8_0",
    });
  });

  test("can be of some of the types that were measured", () => {
    const types = Object.values(typesOf(mixed({ bitsPerWeight: 6 }, { candidates: ["q4_0", "q8_0"] })));
    expect(new Set(types)).toEqual(new Set(["f32", "q4_0", "q8_0"]));
    expect(() => mixed({ bitsPerWeight: 6 }, { candidates: ["q4_K"] })).toThrow(/unknown measured type "q4_K"/);
  });

  test("that cannot be is said", () => {
    expect(() => mixed({ bitsPerWeight: 4 })).toThrow(/the smallest of the candidates take \d+ bytes/);
  });
});
