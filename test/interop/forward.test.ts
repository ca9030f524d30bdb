/** The forward pass beside llama.cpp's: logits of every kind of model, perplexity, divergence, importance, text. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { prepareModel } from "../../dist/src/evaluate/prepare-model.js";
import { openModel } from "../../dist/src/open/open-model.js";
import { logitsOf } from "../support/forward.js";
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

describe("logits of every kind of model are llama.cpp's within 1e-3", () => {
  test.each(TINY_MODELS)("$name", async (shape) => {
    const path = join(folder, `${shape.name}.gguf`);
    writeModel(path, shape);
    const model = prepareModel(await openModel(path));
    const tokens = randomTokens(2 * CONTEXT, model.weights.vocabulary);
    const ours = logitsOf(model, tokens, CONTEXT);
    const theirs = llamaLogits(path, tokens, CONTEXT);
    expect(ours.length).toBe(theirs.length);
    const largest = ours.reduce((most, logit, i) => Math.max(most, Math.abs(logit - theirs[i]!)), 0);
    console.log(`${shape.name}: ${largest.toExponential(1)} of ${Math.max(...theirs).toFixed(2)}`);
    expect(largest).toBeLessThan(1e-3);
  });
});
