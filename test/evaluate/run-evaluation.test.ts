/** Evaluations on threads: the same numbers whatever the division of the work. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { withEngine } from "#dist/src/engine/start-engine.js";
import type { RunOptions } from "#dist/src/engine/run-options.js";
import { planEvaluation } from "#dist/src/evaluate/plan-evaluation.js";
import { sampleWindows } from "#dist/src/evaluate/own-text.js";
import { prepareModel, type PreparedModel } from "#dist/src/evaluate/prepare-model.js";
import { planImportance, runImportance } from "#dist/src/evaluate/run-importance.js";
import { runEvaluation } from "#dist/src/evaluate/run-evaluation.js";
import { makeWindows } from "#dist/src/evaluate/windows.js";
import { exponential } from "#dist/src/forward/numerics/elementary.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import { temporaryFolderForFile } from "../support/cli.js";
import { logitsOf } from "../support/forward.js";
import { randomNumbers, writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const MIB = 2 ** 20;
const [CONTEXT, COUNT] = [32, 9];
const folder = temporaryFolderForFile();
const open = async (name: string): Promise<PreparedModel> => prepareModel(await openModel(join(folder, name)));
const random = randomNumbers(9);
const windows = makeWindows(
  Int32Array.from({ length: CONTEXT * COUNT }, () => Math.floor(random() * 288)),
  CONTEXT,
  1,
);

beforeAll(async () => {
  for (const name of ["llama", "qwen3moe"]) {
    const path = join(folder, `${name}.gguf`);
    writeModel(
      path,
      TINY_MODELS.find((shape) => shape.name === name)!,
    );
    await quantize({ input: path, output: join(folder, `${name}-q4_0.gguf`), scheme: "q4_0", pure: true });
  }
});

async function evaluate(tested: PreparedModel, base: PreparedModel, options: RunOptions) {
  const run = await withEngine(options, (engine) =>
    runEvaluation({ tested, base, arithmetic: "kernels", windows }, options, engine),
  );
  const { plan, ...found } = run;
  return { plan, found };
}

describe.each(["llama", "qwen3moe"])("%s beside its quantized file", (name) => {
  test("the same numbers for 1, 2 and 3 threads and by either back end", async () => {
    const [base, tested] = [await open(`${name}.gguf`), await open(`${name}-q4_0.gguf`)];
    const { found } = await evaluate(tested, base, { threads: 1 });
    expect(found.comparison!.divergence.mean.value).toBeGreaterThan(1e-5);
    expect(found.layers.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    for (const options of [{ threads: 2 }, { threads: 3 }, { threads: 2, backend: "scalar" as const }]) {
      expect((await evaluate(tested, base, options)).found).toEqual(found);
    }
  });

  test("the same numbers whether states wait in buffers, on memory or in a file", async () => {
    const [base, tested] = [await open(`${name}.gguf`), await open(`${name}-q4_0.gguf`)];
    const { found, plan } = await evaluate(tested, base, { threads: 2 });
    expect(plan.streams).toBe("buffer");
    for (const streams of ["memory", "file"] as const) {
      // Wide models reach these places by their size, tiny ones by a plan.
      const run = await withEngine({ threads: 2 }, (engine) =>
        runEvaluation({ tested, base, arithmetic: "kernels", windows }, { threads: 2 }, engine, {
          ...plan,
          streams,
          groupWindows: 2,
          logitRows: 5,
        }),
      );
      const { plan: used, ...numbers } = run;
      expect(used.streams).toBe(streams);
      expect(numbers).toEqual(found);
    }
  });

  test("perplexity is that of the logits of a pass in one piece", async () => {
    const tested = await open(`${name}.gguf`);
    const { perplexity } = (await evaluate(tested, tested, { threads: 2 })).found;
    const logits = logitsOf(tested, windows.tokens, CONTEXT);
    const { vocabulary } = tested.weights;
    let [sum, scored] = [0, 0];
    for (let window = 0; window < COUNT; window++) {
      for (let position = CONTEXT / 2; position < CONTEXT - 1; position++, scored++) {
        const at = window * CONTEXT + position;
        const row = logits.subarray(at * vocabulary, (at + 1) * vocabulary);
        const norm = Math.log(row.reduce((all, logit) => all + Math.exp(logit), 0));
        sum += norm - row[windows.targets[at + 1]!]!;
      }
    }
    expect(scored).toBe(COUNT * 15);
    expect(perplexity.value).toBeCloseTo(exponential(sum / scored), 3);
  });
});

describe("plans", () => {
  test("the less memory, the smaller the groups: states in buffers, in memory, in a file, with fewer threads", async () => {
    const model = await open("llama.gguf");
    const [context, count] = [512, 4096];
    const plans = Array.from({ length: 57 }, (_, i) => {
      const maxMemory = 8 * 2 ** 30 * 0.942 ** i;
      const plan = planEvaluation([model], { context, count }, { threads: 2, maxMemory, hasBase: false });
      expect(plan.peakBytes).toBeLessThanOrEqual(maxMemory);
      return plan;
    });
    const steps = plans.map(({ threads, streams }) => `${streams}, ${threads}`);
    expect([...new Set(steps)]).toEqual(["buffer, 2", "memory, 2", "file, 2", "file, 1"]);
    for (const { streams, groupWindows, diskBytes } of plans) {
      expect(groupWindows === count).toBe(streams === "buffer");
      expect(diskBytes).toBe(streams === "file" ? context * count * 64 * 4 : 0);
    }
    expect(() =>
      planEvaluation([model], { context, count }, { threads: 2, maxMemory: 100 * MIB, hasBase: false }),
    ).toThrow(/need \d+ MiB of memory, the bound is 100 MiB/);
  });
});

describe("importance", () => {
  test("sums and counts are the same for any number of threads, and those of the definitions", async () => {
    const model = await open("qwen3moe.gguf");
    const measure = async (options: RunOptions) =>
      withEngine(options, (engine) =>
        runImportance({ model, arithmetic: "kernels", windows, withOutput: true }, options, engine),
      );
    const { entries } = await measure({ threads: 1 });
    for (const options of [{ threads: 3 }, { threads: 2, backend: "scalar" as const }]) {
      expect((await measure(options)).entries).toEqual(entries);
    }
    const tokens = CONTEXT * COUNT;
    const countsOf = (part: string): number[] => [...entries.find(({ name }) => name.includes(part))!.counts];
    expect(countsOf("attn_q.")).toEqual([tokens]);
    expect(countsOf("output.weight")).toEqual([tokens]);
    expect(countsOf("ffn_up_exps").reduce((sum, count) => sum + count)).toBe(2 * tokens);
    expect(entries.map(({ name }) => name).filter((name) => name.startsWith("blk.0."))).toHaveLength(8);
    expect(planImportance(model, windows, { threads: 1, withOutput: false }).logitRows).toBe(0);
  });
});

test("text of the model's own depends on the seed, not on threads, memory or how much is drawn", async () => {
  const model = await open("llama.gguf");
  const tokenizer = makeTokenizer(model.model.metadata, "llama.gguf");
  const draw = async (count: number, seed: number, options: RunOptions) =>
    withEngine(options, (engine) =>
      sampleWindows(model, tokenizer, { context: 16, count, seed, arithmetic: "kernels" }, options, engine),
    );
  const { tokens, count } = await draw(6, 7, { threads: 1 });
  expect(count).toBe(6);
  const drawn = [...tokens];
  expect(drawn.filter((_, i) => i % 16 === 0)).toEqual(new Array(6).fill(tokenizer.bos));
  expect([...(await draw(6, 7, { threads: 3 })).tokens]).toEqual(drawn);
  expect([...(await draw(2, 7, { threads: 2 })).tokens]).toEqual(drawn.slice(0, 32));
  // So little memory that not all go on in step.
  expect([...(await draw(6, 7, { threads: 1, maxMemory: 205 * MIB })).tokens]).toEqual(drawn);
  expect([...(await draw(6, 8, { threads: 1 })).tokens]).not.toEqual(drawn);
});
