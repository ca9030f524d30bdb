/** The forward pass beside llama.cpp's: logits of every kind of model, perplexity, divergence, importance, text. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { prepareModel } from "../../dist/src/evaluate/prepare-model.js";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { openModel } from "../../dist/src/open/open-model.js";
import { logitsOf } from "../support/forward.js";
import {
  CONVERTED_ONLY,
  GOLDEN_NAMES,
  randomFolder,
  readGolden,
  writeVocabulary,
  type GoldenFolder,
} from "../support/golden-folder.js";
import { randomNumbers, writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";
import { llamaTool } from "./llama-programs.mjs";

const folder = mkdtempSync(join(tmpdir(), "forward-interop-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CONTEXT = 64;

function randomTokens(count: number, vocabulary: number): Int32Array {
  const random = randomNumbers(5);
  return Int32Array.from({ length: count }, () => Math.floor(random() * vocabulary));
}

function llamaLogits(model: string, tokens: Int32Array, context: number): Float32Array {
  const [input, output] = [join(folder, "tokens.i32"), join(folder, "logits.f32")];
  writeFileSync(input, tokens);
  llamaTool("forward", ["logits", model, 2, context, input, output]);
  const bytes = readFileSync(output);
  return new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
}

function largestDifference(ours: Float32Array, theirs: Float32Array): number {
  expect(ours.length).toBe(theirs.length);
  return ours.reduce((most, logit, i) => Math.max(most, Math.abs(logit - theirs[i]!)), 0);
}

describe("logits of every kind of model are llama.cpp's within 1e-3", () => {
  test.each(TINY_MODELS)("$name", async (shape) => {
    const path = join(folder, `${shape.name}.gguf`);
    writeModel(path, shape);
    const model = prepareModel(await openModel(path));
    const tokens = randomTokens(2 * CONTEXT, model.weights.vocabulary);
    const ours = logitsOf(model, tokens, CONTEXT);
    const theirs = llamaLogits(path, tokens, CONTEXT);
    const largest = largestDifference(ours, theirs);
    console.log(`${shape.name}: ${largest.toExponential(1)} of ${Math.max(...theirs).toFixed(2)}`);
    expect(largest).toBeLessThan(1e-3);
  });
});

/** Windows of attention shorter than the texts of these tests, where a folder has any. */
function withShortWindow(golden: GoldenFolder): GoldenFolder["config"] {
  const shorten = (config: Readonly<Record<string, unknown>>): Record<string, unknown> =>
    Object.fromEntries(
      Object.entries(config).map(([key, value]) => {
        if (key === "sliding_window" && typeof value === "number") return [key, 16];
        return [key, key === "text_config" ? shorten(value as Record<string, unknown>) : value];
      }),
    );
  return shorten(golden.config);
}

/** `gemma3n` is not read, and the experts of `gpt-oss-mxfp4` have no floats. */
const evaluated = GOLDEN_NAMES.filter(
  (name) => readGolden(name).logits !== undefined && ![...CONVERTED_ONLY, "gemma3n", "gpt-oss-mxfp4"].includes(name),
);

/** ggml looks GELU up in a table of half-precision floats. */
const ROUGH_ACTIVATION = /^(gemma|gpt2|phi2|starcoder2)/;

describe("logits of every architecture of Hugging Face folders are llama.cpp's within 1e-3", () => {
  test.each(evaluated)("%s", async (name) => {
    const golden = readGolden(name);
    const input = randomFolder(withShortWindow(golden), golden.sources);
    writeVocabulary(input);
    const path = join(folder, "converted.gguf");
    await quantize({ input, output: path, scheme: "f32", verify: "off", force: true, threads: 1 });
    const model = prepareModel(await openModel(path));
    const tokens = randomTokens(2 * CONTEXT, model.weights.vocabulary);
    const ours = logitsOf(model, tokens, CONTEXT);
    const theirs = llamaLogits(path, tokens, CONTEXT);
    const largest = largestDifference(ours, theirs);
    const size = theirs.reduce((most, logit) => Math.max(most, Math.abs(logit)), 0);
    console.log(`${name}: ${largest.toExponential(1)} of ${size.toFixed(2)}`);
    expect(largest).toBeLessThan(ROUGH_ACTIVATION.test(name) ? 1e-3 * size : 1e-3);
  });
});
