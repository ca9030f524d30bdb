/** Whole passes through a tiny model of each kind. */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { prepareModel, type PreparedModel } from "#dist/src/evaluate/prepare-model.js";
import { planGeneration } from "#dist/src/evaluate/plan-generation.js";
import { runGeneration, type GenerationInput } from "#dist/src/evaluate/run-generation.js";
import { withEngine } from "#dist/src/engine/start-engine.js";
import { pack } from "#dist/src/jobs/repack.js";
import { quantize } from "#dist/src/jobs/quantize.js";
import { openModel } from "#dist/src/open/open-model.js";
import { temporaryFolderForFile } from "../support/cli.js";
import { logitsOf } from "../support/forward.js";
import { randomNumbers, writeModel } from "../support/models.js";
import { TINY_MODELS } from "../support/tiny-models.js";

const CONTEXT = 24;
const folder = temporaryFolderForFile();
const pathOf = (name: string): string => join(folder, `${name}.gguf`);
const bits = (values: Float32Array): string => Buffer.from(values.slice().buffer).toString("base64");
const open = async (path: string): Promise<PreparedModel> => prepareModel(await openModel(path));

const random = randomNumbers(5);
const TOKENS = Int32Array.from({ length: CONTEXT }, () => Math.floor(random() * 288));

beforeAll(() => {
  for (const shape of TINY_MODELS) writeModel(pathOf(shape.name), shape);
});

/** A greedy continuation of the first tokens, with keys and values kept from step to step. */
async function greedy(model: PreparedModel, promptLength: number, threads: number, room: number): Promise<Int32Array> {
  const shape = { sequences: 1, positions: CONTEXT, promptLength };
  const plan = planGeneration(model, shape, { threads, arithmetic: "kernels" });
  const input: GenerationInput = {
    model,
    arithmetic: "kernels",
    prompts: TOKENS.slice(0, promptLength),
    promptLength,
    positions: CONTEXT,
    tokenLimit: model.weights.vocabulary,
    sampling: { temperature: 0, topK: 0, topP: 1, seed: 0 },
    firstSequence: 0,
    stopTokens: [],
  };
  const kept = { ...plan, keptTileBytes: Math.min(plan.keptTileBytes, room) };
  const [sequence] = await withEngine({ threads }, (engine) => runGeneration(input, kept, {}, engine, () => {}));
  return sequence!;
}

describe.each(TINY_MODELS)("$name", ({ name }) => {
  test("definitions and twins give the same logits, bit for bit", async () => {
    const model = await open(pathOf(name));
    const scalar = logitsOf(model, TOKENS, CONTEXT, { backend: "scalar" });
    expect(scalar.every(Number.isFinite)).toBe(true);
    expect(bits(logitsOf(model, TOKENS, CONTEXT))).toBe(bits(scalar));
  });

  test("text is what the full pass finds most probable at every position", async () => {
    const model = await open(pathOf(name));
    const text = await greedy(model, 5, 2, Infinity);
    const logits = logitsOf(model, text, CONTEXT);
    const { vocabulary } = model.weights;
    for (let position = 4; position + 1 < CONTEXT; position++) {
      const row = logits.subarray(position * vocabulary, (position + 1) * vocabulary);
      expect(row.indexOf(Math.max(...row))).toBe(text[position + 1]);
    }
  });
});

test.each(["llama", "qwen3moe"])(
  "%s: the same text from any number of threads, whatever stays in memory",
  async (name) => {
    const model = await open(pathOf(name));
    const text = await greedy(model, 5, 1, 0);
    for (const [threads, room] of [
      [2, Infinity],
      [3, 40_000],
    ] as const) {
      expect(await greedy(model, 5, threads, room)).toEqual(text);
    }
  },
);

describe.each(["llama", "qwen3moe"])("%s, quantized", (name) => {
  test.each([
    ["q4_0", "4x8"],
    ["q4_cb", "4x8"],
    ["q8_0", "4x4"],
  ])("%s: packed or not, by definitions or twins, the same bits", async (scheme, layout) => {
    const [plain, packed] = [pathOf(`${name}-${scheme}`), pathOf(`${name}-${scheme}-${layout}`)];
    await quantize({ input: pathOf(name), output: plain, scheme, pure: true });
    await pack({ input: plain, output: packed, layout });
    const [one, other] = await Promise.all([open(plain), open(packed)]);
    expect(other.weights.layers[0]!.query.matrix.tensor.layout).toBe(layout);
    for (const arithmetic of ["kernels", "float"] as const) {
      const expected = bits(logitsOf(one, TOKENS, CONTEXT, { arithmetic }));
      expect(bits(logitsOf(other, TOKENS, CONTEXT, { arithmetic }))).toBe(expected);
      expect(bits(logitsOf(other, TOKENS, CONTEXT, { arithmetic, backend: "scalar" }))).toBe(expected);
    }
  });
});
