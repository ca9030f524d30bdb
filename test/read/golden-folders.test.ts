import { expect, test } from "vitest";
import { resolveCodec } from "#dist/codecs/registry.js";
import { openModel } from "#dist/src/open/open-model.js";
import { planConversion } from "#dist/src/plan/plan-conversion.js";
import type { TensorPlan } from "#dist/src/plan/plan.js";
import { elementCount, type MetadataValue, type Model } from "#dist/src/read/model.js";
import { GOLDEN_NAMES, goldenFolder, readGolden, sha256 } from "../support/golden-folder.ts";
import { readStored, readWeights } from "../support/read-weights.ts";

/** Not read. Its tensors are stacked and padded in ways that no other architecture needs. */
const NOT_READ = ["gemma3n"];

/** Keys that the converter forgets. */
const ADDED: Readonly<Record<string, readonly string[]>> = {
  // llama.cpp reads EXAONE's epsilon from this key; the converter writes another one, which is written too.
  exaone: ["exaone.attention.layer_norm_rms_epsilon"],
  gptneox: ["general.file_type"],
};

/** Values that the converter takes from nowhere: OLMoE's epsilon is 1e-5 there, whatever the config says. */
const OTHER: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  olmoe: { "olmoe.attention.layer_norm_rms_epsilon": ["float32", Math.fround(1e-6)] },
};

/** Keys about the folder's name and its vocabulary, which the converter was not asked for. */
const BESIDE = /^(tokenizer\.|general\.(name|size_label|basename|finetune|version)$)/;

/** The bytes of a tensor as planned: encoded, or as they are. */
function plannedBytes(model: Model, { tensor, codec }: TensorPlan): Uint8Array {
  if (codec === tensor.codec) return readStored(model, tensor.name);
  const { encode, blockSize, blockBytes } = resolveCodec(codec);
  const weights = readWeights(model, tensor.name);
  const bytes = new Uint8Array((elementCount(tensor.shape) / blockSize) * blockBytes);
  encode!(weights, bytes, { rowLength: tensor.shape[0]! });
  return bytes;
}

function shown(value: MetadataValue): readonly [string, unknown] {
  if (value.type === "array") return ["array", [value.elementType, Array.from(value.values)]];
  return [value.type, typeof value.value === "bigint" ? Number(value.value) : value.value];
}

test.each(GOLDEN_NAMES.filter((name) => !NOT_READ.includes(name)))(
  "%s: every tensor and key is what llama.cpp's converter makes of it",
  async (name) => {
    const golden = readGolden(name);
    const model = await openModel(goldenFolder(name, golden), { onUnknownCut: "note" });
    const plan = planConversion(model, { scheme: "f16" });
    const tensors = plan.tensors.map((planned) => {
      const hash = sha256(plannedBytes(model, planned)).slice(0, 16);
      return [planned.tensor.name, [planned.codec, planned.tensor.shape, hash]];
    });
    expect(Object.fromEntries(tensors)).toEqual(golden.tensors);
    const metadata = [...plan.metadata].filter(([key]) => !BESIDE.test(key) && !ADDED[name]?.includes(key));
    const found = Object.fromEntries(metadata.map(([key, value]) => [key, shown(value)]));
    expect(found).toEqual({ ...golden.metadata, ...OTHER[name] });
    for (const key of ADDED[name] ?? []) expect(plan.metadata.has(key)).toBe(true);
  },
);
