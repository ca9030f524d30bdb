/** Evaluation, importance and text beside llama-perplexity, llama-imatrix and llama.cpp itself. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findFormat } from "../../dist/codecs/registry.js";
import { withEngine } from "../../dist/src/engine/start-engine.js";
import { planGeneration } from "../../dist/src/evaluate/plan-generation.js";
import { prepareModel } from "../../dist/src/evaluate/prepare-model.js";
import { runGeneration, type GenerationInput } from "../../dist/src/evaluate/run-generation.js";
import { readImatrix, readImatrixContent } from "../../dist/src/imatrix/read-imatrix.js";
import { dequantize } from "../../dist/src/jobs/dequantize.js";
import { evaluateModel } from "../../dist/src/jobs/evaluate-model.js";
import { measureImatrix } from "../../dist/src/jobs/measure-imatrix.js";
import { mergeImatrices } from "../../dist/src/jobs/merge-imatrices.js";
import { quantize } from "../../dist/src/jobs/quantize.js";
import { openModel } from "../../dist/src/open/open-model.js";
import { makeTokenizer } from "../../dist/src/tokenizer/make-tokenizer.js";
import { writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";
import { EXACT_ATTENTION, llamaPerplexity } from "./llama-perplexity.js";
import { llamaTool } from "./llama-programs.mjs";

const fable = (path: string) => fileURLToPath(new URL(`../../fixtures/fable/${path}`, import.meta.url));
const [F16, TEXT] = [fable("fable-f16.gguf"), fable("text.txt")];
const CONTEXT = 128;
const CHUNKS = 40;

const folder = mkdtempSync(join(tmpdir(), "evaluation-interop-"));
const path = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// The judge's base computes in f32: with F16 weights llama.cpp rounds activations to halves, which is noise beside a Q6_K.
const [F32, THEIR_LOGITS, OUR_LOGITS] = [path("fable-f32.gguf"), path("theirs.logits"), path("ours.logits")];
beforeAll(async () => {
  await quantize({ input: F16, output: F32, scheme: "f32" });
  llamaPerplexity({ model: F32, text: TEXT, context: CONTEXT, chunks: CHUNKS, logits: THEIR_LOGITS });
  await evaluateModel({ input: F16, text: TEXT, context: CONTEXT, chunks: CHUNKS, saveLogits: OUR_LOGITS });
});

test.each([20, 148])("perplexity of the fixture on %d windows is llama-perplexity's to four digits", async (chunks) => {
  const ours = await evaluateModel({ input: F16, text: TEXT, context: CONTEXT, chunks });
  const theirs = llamaPerplexity({ model: F16, text: TEXT, context: CONTEXT, chunks });
  console.log(
    `perplexity of ${chunks} windows: ${ours.perplexity.value.toFixed(5)}, llama-perplexity ${theirs.perplexity}`,
  );
  expect(Math.abs(ours.perplexity.value / theirs.perplexity - 1)).toBeLessThan(5e-5);
});

describe("what was lost is what llama-perplexity --kl-divergence says", () => {
  test.each(["q4_0", "q4_k", "q6_k", "iq4_nl", "q2_k", "q8_0"])("%s, by its kernels: within 3%", async (scheme) => {
    const model = path(`${scheme}.gguf`);
    await quantize({ input: F16, output: model, scheme, pure: true });
    const ours = await evaluateModel({ input: model, against: F16, text: TEXT, context: CONTEXT, chunks: CHUNKS });
    const theirs = llamaPerplexity({ model, context: CONTEXT, logits: THEIR_LOGITS });
    const found = ours.comparison!;
    console.log(
      `${scheme}: KL ${found.divergence.mean.value.toFixed(6)}, llama-perplexity ${theirs.divergence}; ` +
        `same top ${found.sameTop.value.toFixed(4)}, ${theirs.sameTop}`,
    );
    expect(Math.abs(found.divergence.mean.value / theirs.divergence! - 1)).toBeLessThan(0.03);
    expect(Math.abs(ours.perplexity.value / theirs.perplexity - 1)).toBeLessThan(2e-3);
    expect(Math.abs(found.sameTop.value - theirs.sameTop!)).toBeLessThan(0.01);
  });

  test.each(["q4_cb", "q3_cb"])("%s, decoded: within 3% of the dequantized file's", async (scheme) => {
    const [model, plain] = [path(`${scheme}.gguf`), path(`${scheme}.f32.gguf`)];
    await quantize({ input: F16, output: model, scheme, layout: "4x8" });
    await dequantize({ input: model, output: plain, to: "f32" });
    const ours = await evaluateModel({
      ...{ input: model, against: F16, text: TEXT, context: CONTEXT, chunks: CHUNKS },
      arithmetic: "float",
    });
    const theirs = llamaPerplexity({ model: plain, context: CONTEXT, logits: THEIR_LOGITS });
    const divergence = ours.comparison!.divergence.mean.value;
    console.log(`${scheme}: KL ${divergence.toFixed(6)}, llama-perplexity ${theirs.divergence}`);
    expect(Math.abs(divergence / theirs.divergence! - 1)).toBeLessThan(0.03);
  });

  test("every line of its statistics, from its own base logits", async () => {
    // Both compute in f32, and both read the same file: what differs is arithmetic of sums.
    const model = path("dequantized.gguf");
    await dequantize({ input: path("q4_0.gguf"), output: model, to: "f32" });
    const ours = await evaluateModel({ input: model, baseLogits: THEIR_LOGITS });
    const { lines } = llamaPerplexity({ model, context: CONTEXT, logits: THEIR_LOGITS });
    const { perplexity, comparison } = ours;
    const { basePerplexity, correlation, logRatio, ratio, difference, divergence, deltaP, sameTop } = comparison!;
    const percentiles = (unit: string, { percentiles: all }: typeof divergence, scale: number) =>
      all.map(({ percent, value }): [string, number] => {
        const title = percent === 50 ? "Median" : `${percent.toFixed(1)}%`;
        return [`${title} ${unit}`, value * scale];
      });
    const expected: [string, number][] = [
      ["Mean PPL(Q)", perplexity.value],
      ["Mean PPL(base)", basePerplexity.value],
      ["Cor(ln(PPL(Q)), ln(PPL(base)))", correlation * 100],
      ["Mean ln(PPL(Q)/PPL(base))", logRatio.value],
      ["Mean PPL(Q)/PPL(base)", ratio.value],
      ["Mean PPL(Q)-PPL(base)", difference.value],
      ["Mean KLD", divergence.mean.value],
      ["Maximum KLD", divergence.maximum],
      ["Minimum KLD", divergence.minimum],
      ["Mean Δp", deltaP.mean.value * 100],
      ["Maximum Δp", deltaP.maximum * 100],
      ["Minimum Δp", deltaP.minimum * 100],
      ["RMS Δp", deltaP.rootMeanSquare.value * 100],
      ["Same top p", sameTop.value * 100],
      ...percentiles("KLD", divergence, 1),
      ...percentiles("Δp", deltaP, 100),
    ];
    let compared = 0;
    for (const [title, value] of expected) {
      const theirs = lines.get(title);
      if (theirs === undefined) continue;
      compared++;
      // Six or three decimals are printed.
      expect(Math.abs(value - theirs), `${title}: ${value}, llama-perplexity ${theirs}`).toBeLessThan(
        Math.max(1.5e-3 * Math.abs(theirs), title.includes("Δp") || title.startsWith("Cor") ? 6e-3 : 5e-5),
      );
    }
    expect(compared).toBeGreaterThanOrEqual(33);
  });
});

test("llama-perplexity reads our base logits, and finds next to no difference", () => {
  expect(readFileSync(OUR_LOGITS).length).toBe(readFileSync(THEIR_LOGITS).length);
  const { divergence, basePerplexity, perplexity } = llamaPerplexity({
    model: F32,
    context: CONTEXT,
    logits: OUR_LOGITS,
  });
  expect(divergence!).toBeLessThan(1e-5);
  expect(Math.abs(basePerplexity! / perplexity - 1)).toBeLessThan(1e-4);
});

describe("importance", () => {
  interface Measured {
    readonly ours: string;
    readonly theirs: string;
  }
  async function measureBoth(model: string, name: string): Promise<Measured> {
    const [ours, theirs] = [path(`${name}.ours.gguf`), path(`${name}.theirs.gguf`)];
    await measureImatrix({ input: model, text: TEXT, context: CONTEXT, output: ours, processOutput: true });
    llamaTool("imatrix", [
      "-m",
      model,
      "-f",
      TEXT,
      "-c",
      CONTEXT,
      "-o",
      theirs,
      "--process-output",
      ...EXACT_ATTENTION,
    ]);
    return { ours, theirs };
  }

  test.each(["fable", "llama", "llama-tied", "mixtral", "qwen2", "qwen3", "qwen3moe"])(
    "%s: the same entries and counts, sums within 1e-3",
    async (name) => {
      const shape = TINY_MODELS.find((model) => model.name === name);
      const model = shape === undefined ? F32 : path(`${name}.gguf`);
      if (shape !== undefined) writeModel(model, shape);
      const measured = await measureBoth(model, name);
      const [ours, theirs] = [measured.ours, measured.theirs].map(readImatrixContent);
      expect({
        ...ours,
        path: "",
        sha256: "",
        entries: ours!.entries.map(({ name, counts }) => ({ name, counts })),
      }).toEqual({
        ...theirs,
        path: "",
        sha256: "",
        entries: theirs!.entries.map(({ name, counts }) => ({ name, counts })),
      });
      let worst = 0;
      for (const [index, { sums }] of ours!.entries.entries()) {
        const other = theirs!.entries[index]!.sums;
        for (const [column, sum] of sums.entries()) {
          if (sum !== other[column]) worst = Math.max(worst, Math.abs(sum - other[column]!) / other[column]!);
        }
      }
      console.log(`${name}: ${ours!.entries.length} entries, sums within ${worst.toExponential(1)}`);
      expect(worst).toBeLessThan(1e-3);
    },
  );

  interface Difference {
    /** Of all blocks of quantized matrices, and of their bytes, those that are not the same. */
    readonly blocks: number;
    readonly bytes: number;
  }
  async function differenceOf(files: readonly string[]): Promise<Difference> {
    const [a, b] = await Promise.all(files.map((file) => openModel(file)));
    const [bytesA, bytesB] = files.map((file) => readFileSync(file));
    const found = { blocks: 0, blocksOf: 0, bytes: 0, bytesOf: 0 };
    for (const [i, tensor] of a!.tensors.entries()) {
      if (tensor.shape.length < 2) continue;
      const { blockBytes } = findFormat(tensor.codec)!;
      const { byteOffset, byteLength } = tensor.extents[0]!;
      const other = b!.tensors[i]!.extents[0]!.byteOffset;
      found.bytesOf += byteLength;
      for (let at = 0; at < byteLength; at += blockBytes, found.blocksOf++) {
        let different = 0;
        for (let k = at; k < at + blockBytes; k++) if (bytesA![byteOffset + k] !== bytesB![other + k]) different++;
        found.bytes += different;
        if (different > 0) found.blocks++;
      }
    }
    return { blocks: found.blocks / found.blocksOf, bytes: found.bytes / found.bytesOf };
  }

  // Equal sums to five digits still decide a near tie of two scales otherwise here and there: a super-block has 8 to 16.
  test.each([
    ["q4_0", 0.01],
    ["iq4_nl", 0.01],
    ["q8_0", 0.01],
    ["q2_k", 0.01],
    ["q3_k", 0.01],
    ["q4_k", 0.02],
    ["q6_k", 0.02],
  ] as const)(
    "%s files made with either differ in less than %f of the blocks, and lose as much",
    async (scheme, most) => {
      const files = [path(`${scheme}.a.gguf`), path(`${scheme}.b.gguf`)];
      for (const [i, imatrix] of [path("fable.ours.gguf"), path("fable.theirs.gguf")].entries()) {
        await quantize({ input: F16, output: files[i]!, scheme, pure: true, imatrix: readImatrix(imatrix) });
      }
      const { blocks, bytes } = await differenceOf(files);
      const [p, q] = await Promise.all(
        files.map(async (input) => {
          const report = await evaluateModel({ input, against: F16, text: TEXT, context: CONTEXT, chunks: CHUNKS });
          return report.comparison!.divergence.mean.value;
        }),
      );
      const percent = (share: number): string => `${(100 * share).toFixed(3)}%`;
      console.log(`${scheme}: ${percent(blocks)} of the blocks, ${percent(bytes)} of the bytes; KL ${p} and ${q}`);
      expect(blocks).toBeLessThan(most);
      expect(bytes).toBeLessThan(0.01);
      expect(Math.abs(p! / q! - 1)).toBeLessThan(0.03);
    },
  );

  test("merged as llama-imatrix merges, byte for byte, in either format", async () => {
    const inputs = [path("fable.ours.gguf"), path("fable.theirs.gguf")];
    for (const format of ["gguf", "dat"] as const) {
      const [ours, theirs] = [path(`merged.ours.${format}`), path(`merged.theirs.${format}`)];
      await mergeImatrices({ inputs, output: ours, format });
      const files = ["--in-file", inputs.join(","), "-o", theirs, "--output-format", format];
      llamaTool("imatrix", ["-m", F16, "-c", CONTEXT, ...files]);
      expect(readFileSync(ours).equals(readFileSync(theirs))).toBe(true);
    }
  });
});

describe("a greedy text of 100 tokens is llama.cpp's", () => {
  test.each(["f16", "q8_0"])("%s", async (scheme) => {
    const model = scheme === "f16" ? F16 : path(`${scheme}.greedy.gguf`);
    if (scheme !== "f16") await quantize({ input: F16, output: model, scheme, pure: true });
    const opened = prepareModel(await openModel(model));
    const tokenizer = makeTokenizer(opened.model.metadata, model);
    const prompts = tokenizer.encode("Once upon a time", { addSpecial: true, parseSpecial: false });
    const positions = prompts.length + 100;
    const shape = { sequences: 1, positions, promptLength: prompts.length };
    const plan = planGeneration(opened, shape, { threads: 2, arithmetic: "kernels" });
    const input: GenerationInput = {
      model: opened,
      arithmetic: "kernels",
      prompts,
      promptLength: prompts.length,
      positions,
      tokenLimit: opened.weights.vocabulary,
      sampling: { temperature: 0, topK: 0, topP: 1, seed: 0 },
      firstSequence: 0,
      stopTokens: [],
    };
    const [sequence] = await withEngine({ threads: 2 }, (engine) => runGeneration(input, plan, {}, engine, () => {}));
    writeFileSync(path("prompt.i32"), prompts);
    llamaTool("forward", ["greedy", model, 2, 100, path("prompt.i32"), path("greedy.f32")]);
    const bytes = readFileSync(path("greedy.f32"));
    const rows = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const ours = Array.from(sequence!.subarray(prompts.length));
    const theirs = Array.from({ length: 100 }, (_, i) => rows[3 * i]!);
    const first = theirs.findIndex((token, i) => token !== ours[i]);
    console.log(`${scheme}: ${first < 0 ? "all equal" : `first difference at ${first}`}`);
    // Where the two best are as good as each other, either is right.
    if (first >= 0) expect(rows[3 * first + 1]! - rows[3 * first + 2]!).toBeLessThan(1e-4);
    else expect(ours).toEqual(theirs);
  });
});
