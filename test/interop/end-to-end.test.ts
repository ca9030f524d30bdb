/** Files of ours in llama.cpp: they load, and speak as well as llama.cpp's own files do. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { dequantize } from "../../dist/src/jobs/dequantize.js";
import { exportModel } from "../../dist/src/jobs/export-model.js";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { llamaEvaluate, llamaQuantize } from "./llama.ts";

const fable = (path: string) => fileURLToPath(new URL(`../../fixtures/fable/${path}`, import.meta.url));
const F16 = fable("fable-f16.gguf");
const folder = mkdtempSync(join(tmpdir(), "end-to-end-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const speak = (model: string, windows = 5) =>
  llamaEvaluate({ model, text: fable("text.txt"), reference: F16, windows, prompt: "Once upon a time" });

test("a Hugging Face folder becomes the same model as the fixture's GGUF", async () => {
  const output = join(folder, "hf.gguf");
  await quantize({ input: fable("hf"), output, scheme: "f16" });
  const ours = speak(output);
  const original = speak(F16);
  // The folder holds the norms in F16, the GGUF in F32: the last digits differ, the matrices do not.
  expect(Math.abs(ours.perplexity / original.perplexity - 1)).toBeLessThan(1e-4);
  expect(ours.greedy).toBe(original.greedy);
  expect(ours.klDivergence).toBeLessThan(1e-5);
});

test.each(["q8_0", "q4_0", "q4_k_m", "q6_k", "iq4_nl"])(
  "%s: the same text as llama-quantize's own file",
  async (scheme) => {
    const output = join(folder, `${scheme}.gguf`);
    const theirs = join(folder, `${scheme}.llama.gguf`);
    await quantize({ input: F16, output, scheme });
    expect(llamaQuantize({ input: F16, output: theirs, scheme }).code).toBe(0);
    const [a, b] = [speak(output), speak(theirs)];
    expect(a.greedy).toBe(b.greedy);
    expect(a.greedy.length).toBeGreaterThan(50);
    expect(a.perplexity).toBe(b.perplexity);
  },
);

// Mean KL divergence from the F16 model, every matrix in the same type. llama.cpp's own: Q4_0 0.0074, IQ4_NL 0.0056,
// Q4_K 0.0050, Q3_K 0.0239, Q2_K 0.1096.
test.each([
  ["q4_cb", "auto", 0.0047],
  ["q4_cb", 256, 0.0041],
  ["q3_cb", "auto", 0.0239],
  ["q2_cb", 256, 0.075],
] as const)("%s with %s tables: mean KL divergence at most %f", async (scheme, tables, bound) => {
  const packed = join(folder, `${scheme}-${tables}.gguf`);
  const plain = join(folder, `${scheme}-${tables}.f32.gguf`);
  await quantize({ input: F16, output: packed, scheme, tables });
  await dequantize({ input: packed, output: plain, to: "f32" });
  const { klDivergence, perplexity } = speak(plain, 20);
  console.log(`${scheme} ${tables} tables: KL ${klDivergence.toFixed(5)}, perplexity ${perplexity.toFixed(4)}`);
  expect(klDivergence).toBeLessThan(bound);
});

// Encoded twice, so worse than the same type from the floats, and worse than the codebooks it came from.
test.each([
  ["q5_cb", "auto", 0.0028],
  ["q4_cb", "auto", 0.0085],
  ["q4_cb", "iq4_nl", 0.01],
  ["q3_cb", "auto", 0.048],
  ["q2_cb", "auto", 0.32],
] as const)(
  "%s, packed, exported to %s: llama.cpp loads it; mean KL divergence at most %f",
  async (scheme, to, bound) => {
    const packed = join(folder, `${scheme}-4x8.gguf`);
    const output = join(folder, `${scheme}-exported-to-${to}.gguf`);
    await quantize({ input: F16, output: packed, scheme, layout: "4x8", force: true });
    await exportModel({ input: packed, output, to });
    const { klDivergence, perplexity } = speak(output, 20);
    console.log(`${scheme} to ${to}: KL ${klDivergence.toFixed(5)}, perplexity ${perplexity.toFixed(4)}`);
    expect(klDivergence).toBeLessThan(bound);
  },
);
