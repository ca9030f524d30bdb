import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import type { Model } from "#dist/src/read/model.js";
import { parseModelId, titleOf } from "#dist/src/read/hugging-face/general/model-id.js";
import { sizeLabel } from "#dist/src/read/hugging-face/general/size-label.js";
import { temporaryFolder } from "../support/gguf-file.ts";
import { changedConfig, folderVariant } from "../support/hugging-face-folder.ts";

/** What programs write, and what gguf-py takes it for (its own tests among them): organization to size. */
test.each<[id: string, weights: number, parts: (string | undefined)[]]>([
  ["Mistral/Mixtral-8x7B-Instruct-v0.1", 0, ["Mistral", "Mixtral", "Instruct", "v0.1", "8x7B"]],
  ["Mixtral-8x7B", 0, [undefined, "Mixtral", undefined, undefined, "8x7B"]],
  ["Mixtral-v0.1", 0, [undefined, "Mixtral", undefined, "v0.1", undefined]],
  ["Mixtral", 0, [undefined, undefined, undefined, undefined, undefined]],
  ["NousResearch/Meta-Llama-3-8B", 0, ["NousResearch", "Meta-Llama-3", undefined, undefined, "8B"]],
  ["Qwen1.5-MoE-A2.7B-Chat", 0, [undefined, "Qwen1.5-MoE", "Chat", undefined, "A2.7B"]],
  ["Qwen2-57B-A14B-Instruct", 0, [undefined, "Qwen2", "Instruct", undefined, "57B-A14B"]],
  ["google/gemma-4-26B-A4B-it", 4e9, ["google", "gemma-4", "it", undefined, "26B-A4B"]],
  ["microsoft/Phi-3-mini-4k-instruct", 4e9, ["microsoft", "Phi-3", "4k-instruct", undefined, "mini"]],
  ["delphi-suite/stories-llama2-50k", 5e4, ["delphi-suite", "stories-llama2", undefined, undefined, "50K"]],
  ["DeepSeek-Coder-V2-Lite-Instruct", 0, [undefined, "DeepSeek-Coder-V2-Lite", "Instruct", undefined, undefined]],
  ["crestf411/daybreak-kunoichi-2dpo-7b", 0, ["crestf411", "daybreak-kunoichi", "2dpo", undefined, "7B"]],
  ["smallcloudai/Refact-1_6B-fim", 0, ["smallcloudai", "Refact", "fim", undefined, "1.6B"]],
  ["UCLA-AGI/Gemma-2-9B-It-SPPO-Iter3", 0, ["UCLA-AGI", "Gemma-2", "It-SPPO", "Iter3", "9B"]],
  ["SeaLLMs/SeaLLMs-v3-7B-Chat", 0, ["SeaLLMs", "SeaLLMs-v3", "Chat", undefined, "7B"]],
  ["internlm/internlm2_5-7b-chat-1m", 7e9, ["internlm", "internlm2_5", "chat-1m", undefined, "7B"]],
  ["pszemraj/jamba-900M-v0.13-KIx2", 0, ["pszemraj", "jamba", "KIx2", "v0.13", "900M"]],
  ["abacaj/llama-161M-100B", 161e6, ["abacaj", "llama", "100b", undefined, "161M"]],
  ["SparseLLM/relu-100B", 134e7, ["SparseLLM", "relu", "100b", undefined, undefined]],
  ["bigscience/bloom-7b1-petals", 0, ["bigscience", "bloom", "petals", undefined, "7.1B"]],
  ["mistralai/Mistral-Nemo-Instruct-2407", 0, ["mistralai", "Mistral-Nemo", "Instruct", "2407", undefined]],
  ["OpenGVLab/Mini-InternVL-Chat-2B-V1-5", 0, ["OpenGVLab", "Mini-InternVL", "Chat", "V1-5", "2B"]],
  ["jondurbin/bagel-dpo-2.8b-v0.2", 0, ["jondurbin", "bagel-dpo", undefined, "v0.2", "2.8B"]],
  ["microsoft/Florence-2-base", 0, ["microsoft", undefined, undefined, undefined, undefined]],
  ["mistralai/-Mistral--Nemo-Base-2407-", 0, ["mistralai", "Mistral-Nemo-Base", undefined, "2407", undefined]],
  ["Llama-3-Instruct-abliteration-LoRA-8B", 0, [undefined, "Llama-3", "Instruct-abliteration-LoRA", undefined, "8B"]],
])("%s has its parts", (id, weights, parts) => {
  const { organization, basename, finetune, version, sizeLabel } = parseModelId(id, weights);
  expect([organization, basename, finetune, version, sizeLabel]).toEqual(parts);
});

test.each([
  ["Mixtral-8x7B-Instruct-v0.1", "Mixtral 8x7B Instruct v0.1"],
  ["hermes-2-pro-llama-3-8b-DPO", "Hermes 2 Pro Llama 3 8b DPO"],
])("%s as a title", (id, title) => expect(titleOf(id)).toBe(title));

test.each([
  [{ total: 8_030_000_000, experts: 0, perExpert: 0 }, "8.0B"],
  [{ total: 70_600_000_000, experts: 0, perExpert: 0 }, "71B"],
  [{ total: 260_000, experts: 0, perExpert: 0 }, "260K"],
  [{ total: 46_700_000_000, experts: 8, perExpert: 7_240_000_000 }, "8x7.2B"],
])("%j is %s", (weights, label) => expect(sizeLabel(weights)).toBe(label));

/** The texts of keys below `general.`, but for those of the vocabulary and the file. */
function general(model: Model, keys: RegExp): Record<string, unknown> {
  const found = [...model.metadata].filter(([key]) => keys.test(key));
  return Object.fromEntries(
    found.map(([key, value]) => [key, value.type === "array" ? Array.from(value.values) : value.value]),
  );
}

test("a folder's name tells its parts where the config does not", async () => {
  const folder = join(temporaryFolder(), "Fable-2M-Instruct-v0.3");
  renameSync(folderVariant({}), folder);
  const model = await openModel(folder);
  expect(general(model, /^general\.(name|basename|finetune|version|size_label|organization)$/)).toEqual({
    "general.name": "Fable 2M Instruct v0.3",
    "general.basename": "Fable",
    "general.finetune": "Instruct",
    "general.version": "v0.3",
    "general.size_label": "2M",
  });
});

test("the config's name comes before the folder's, unless it is a path of somebody's machine", async () => {
  const named = await openModel(folderVariant(changedConfig({ _name_or_path: "meta-llama/Fable-v2" })));
  expect(general(named, /^general\.(name|organization|version)$/)).toEqual({
    "general.name": "Fable v2",
    "general.organization": "Meta Llama",
    "general.version": "v2",
  });
  const local = await openModel(folderVariant(changedConfig({ _name_or_path: "/home/me/checkpoints/x-v9" })));
  expect(general(local, /^general\.version$/)).toEqual({});
});

const CARD = `---
license: other
license_name: llama3
tags:
\t- conversational
language: [en, de]
pipeline_tag: text-generation
base_model:
  - EmbeddedLLM/Mistral-7B-Merge-14-v0
  - https://huggingface.co/janai-hq/trinity-v1
datasets: teknium/OpenHermes-2.5
model_name: The Fable
---
# A heading
license: not this
`;

test("a model card's front matter: licence, tags, languages, base models, datasets, and a name before all others", async () => {
  const model = await openModel(folderVariant({ "README.md": CARD }));
  expect(general(model, /^general\.(name|license|tags|languages|base_model|dataset)/)).toEqual({
    "general.name": "The Fable",
    "general.license": "other",
    "general.license.name": "llama3",
    "general.base_model.count": 2,
    "general.base_model.0.name": "Mistral 7B Merge 14 v0",
    "general.base_model.0.version": "14-v0",
    "general.base_model.0.organization": "EmbeddedLLM",
    "general.base_model.0.repo_url": "https://huggingface.co/EmbeddedLLM/Mistral-7B-Merge-14-v0",
    "general.base_model.1.name": "Trinity v1",
    "general.base_model.1.version": "v1",
    "general.base_model.1.organization": "Janai Hq",
    "general.base_model.1.repo_url": "https://huggingface.co/janai-hq/trinity-v1",
    "general.dataset.count": 1,
    "general.dataset.0.name": "OpenHermes 2.5",
    "general.dataset.0.version": "2.5",
    "general.dataset.0.organization": "Teknium",
    "general.dataset.0.repo_url": "https://huggingface.co/teknium/OpenHermes-2.5",
    "general.tags": ["conversational", "text-generation"],
    "general.languages": ["en", "de"],
  });
});

test("a card that cannot be read costs its keys, not the model", async () => {
  const model = await openModel(folderVariant({ "README.md": "---\na: [\n---\n" }));
  expect(model.notes).toEqual([expect.stringMatching(/the front matter of .*README.md is not read: /)]);
});

test("a generation config's sampling", async () => {
  const settings = { temperature: 0.6, top_k: 20, top_p: 0.95, do_sample: true, min_p: "no", penalty_last_n: 1.5 };
  const model = await openModel(folderVariant({ "generation_config.json": JSON.stringify(settings) }));
  expect(general(model, /^general\.sampling/)).toEqual({
    "general.sampling.temp": Math.fround(0.6),
    "general.sampling.top_k": 20,
    "general.sampling.top_p": Math.fround(0.95),
  });
});
