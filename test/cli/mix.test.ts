/** `quantize sensitivity`, `--target-bpw` and `--target-size` as people use them. */
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { cli, temporaryFolderForFile } from "../support/cli.js";
import { writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const folder = temporaryFolderForFile();
const MODEL = join(folder, "tiny.gguf");
const MEASURED = join(folder, "measured.json");
const CANDIDATES = ["--candidates", "q4_0,q5_0,q8_0"];

beforeAll(() => {
  writeModel(
    MODEL,
    TINY_MODELS.find(({ name }) => name === "llama")!,
  );
  const args = ["sensitivity", MODEL, ...CANDIDATES, "--tokens", "128", "--context", "32", "-o", MEASURED];
  const { code, stdout, stderr } = cli(args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/^tensor +shape +KL in q4_0 +share +nmse q4_0 +nmse q5_0 +nmse q8_0$/m);
  expect(stdout).toMatch(/^text +128 tokens of the model's own, seed 1, windows of 32$/m);
});

test("the measurement is kept, as --json prints it", () => {
  const again = cli(["sensitivity", MODEL, ...CANDIDATES, "--tokens", "128", "--context", "32", "--json"]);
  expect(JSON.parse(again.stdout)).toEqual(JSON.parse(readFileSync(MEASURED, "utf8")));
});

test("a kept measurement is not replaced unasked, and that is said before the work", () => {
  const { code, stderr } = cli(["sensitivity", MODEL, "-o", MEASURED]);
  expect(code).not.toBe(0);
  expect(stderr).toContain("measured.json");
});

test("plan, recipe and conversion agree, and the recipe gives the same file", () => {
  const target = ["--target-bpw", "6", "--sensitivity", MEASURED];
  const plan = cli(["plan", MODEL, ...target]);
  expect(plan.stdout).toMatch(/^mixed +for 6 bits per weight: 5\.\d+ bits, estimated KL /m);
  const [a, b, recipe] = ["a.gguf", "b.gguf", "mixed.yaml"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const converted = cli([MODEL, ...target, "-o", a, "--save-recipe", recipe]);
  expect({ code: converted.code, stderr: converted.stderr }).toEqual({ code: 0, stderr: "" });
  expect(converted.stdout).toMatch(/^mixed +for 6 bits per weight: 5\.\d+ bits/m);
  expect(cli([MODEL, "--recipe", recipe, "-q", "-o", b]).code).toBe(0);
  expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
  const printed = cli(["recipe", "--model", MODEL, ...target, "--json"]);
  const { scheme } = JSON.parse(printed.stdout) as { scheme: { name: string; rules: unknown[] } };
  expect(scheme.name).toBe("mixed");
  expect(scheme.rules.length).toBeGreaterThan(0);
});

test("without a measurement the main job measures first, in the text that it calibrates on", () => {
  const output = join(folder, "sized.gguf");
  const args = ["--target-size", "100k", ...CANDIDATES, "--calibrate", "--calibration-tokens", "512"];
  const { code, stdout, stderr } = cli([MODEL, ...args, "--calibration-context", "32", "-o", output]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toContain("mixed   for 100 KiB: at most ");
  expect(statSync(output).size).toBeLessThanOrEqual(102_400);
});

describe("what makes no sense is said before the work", () => {
  test.each([
    [["plan", MODEL, "--target-bpw", "6"], "a mix needs a measurement: quantize sensitivity"],
    [["plan", MODEL, "--target-bpw", "6", "--scheme", "q4_0"], "cannot be used with"],
    [["plan", MODEL, "--target-bpw", "6", "--target-size", "1M"], "cannot be used with"],
    [["plan", MODEL, "--scheme", "q4_0", "--sensitivity", MEASURED], "are for a mix"],
    [["plan", MODEL, "--target-bpw", "3", "--sensitivity", MEASURED], "the smallest of the candidates take"],
    [["plan", MODEL, "--target-bpw", "6", "--sensitivity", MODEL], "expected JSON"],
    [
      ["plan", MODEL, "--target-bpw", "6", "--sensitivity", MEASURED, "--candidates", "q4_O"],
      'unknown type of --candidates "q4_O"; did you mean',
    ],
    [["recipe", "--target-bpw", "6"], "a mix is made for a model"],
    [["recipe", "q4_0", "--target-bpw", "6"], "expected a scheme or a size"],
    [["recipe"], "no scheme given"],
    [["sensitivity", MODEL, "--candidates", "q4_9"], "unknown type of --candidates"],
  ])("%j", (args, message) => {
    const { code, stderr } = cli(args);
    expect(code).not.toBe(0);
    expect(stderr).toContain(message);
  });
});
