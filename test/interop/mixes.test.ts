/** llama.cpp's mixes: the same type for every tensor as llama-quantize chooses. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gguf, GGMLQuantizationType } from "@huggingface/gguf";
import { afterAll, describe, expect, test } from "vitest";
import { MIXES } from "../../dist/src/plan/mixes.js";
import { planConversion } from "../../dist/src/plan/plan-conversion.js";
import { describeModel, writeModel, type ModelShape } from "../models.ts";
import { FTYPES, llamaQuantize } from "./llama.ts";

const folder = mkdtempSync(join(tmpdir(), "mixes-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MODELS: ModelShape[] = [
  { name: "grouped queries", layers: 17, width: 256, feedForward: 256, heads: 8, valueHeads: 2 },
  { name: "tied embeddings", layers: 3, width: 256, feedForward: 256, heads: 8, valueHeads: 4, isTied: true },
  { name: "eight experts", layers: 5, width: 256, feedForward: 256, heads: 8, valueHeads: 8, experts: 8 },
  { name: "four experts", layers: 5, width: 256, feedForward: 256, heads: 8, valueHeads: 2, experts: 4 },
  { name: "rows of 2688", layers: 2, width: 256, feedForward: 2688, heads: 8, valueHeads: 4 },
  { name: "rows of 96", layers: 2, width: 96, feedForward: 160, heads: 4, valueHeads: 4 },
  { name: "rows of 96, tied", layers: 2, width: 96, feedForward: 160, heads: 4, valueHeads: 4, isTied: true },
  {
    name: "80 layers",
    ...{ layers: 80, width: 256, feedForward: 256, heads: 8, valueHeads: 1 },
    presentLayers: [0, 1, 2, 3, 4, 5, 9, 11, 40, 70, 79],
  },
  { name: "falcon", architecture: "falcon", layers: 17, width: 256, feedForward: 256, heads: 8, valueHeads: 8 },
  {
    name: "phi3",
    architecture: "phi3",
    layers: 9,
    width: 256,
    feedForward: 256,
    heads: 8,
    valueHeads: 8,
    isFused: true,
  },
];
const mixes = MIXES.filter((mix) => mix.name in FTYPES).map((mix) => mix.name);

async function typesIn(path: string) {
  const { tensorInfos } = await gguf(path, { allowLocalFile: true });
  return tensorInfos.map(({ name, dtype }) => [name, GGMLQuantizationType[dtype]!.toLowerCase()]);
}

describe.each(MODELS)("$name", (shape) => {
  const input = join(folder, `${shape.name}.gguf`);
  writeModel(input, shape);
  test.each(mixes)("%s", async (scheme) => {
    const output = join(folder, "out.gguf");
    const result = llamaQuantize({ input, output, scheme, threads: 2 });
    const plan = planConversion(describeModel(shape), { scheme });
    const ours = plan.tensors.map((t) => [t.tensor.name, t.codec.toLowerCase()]);
    expect(result.code, result.log).toBe(0);
    expect(ours).toEqual(await typesIn(output));
  });
});
