import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { architectureNames } from "#dist/src/read/hugging-face/architectures/registry.js";
import { PRE_TOKENIZERS } from "#dist/src/read/hugging-face/vocabulary/pre-tokenizers.js";
import { goldenFolder, readGolden } from "../support/golden-folder.ts";
import { countingFolder } from "../support/hugging-face-folder.ts";

const FORMATS = fileURLToPath(new URL("../../docs/formats.md", import.meta.url));

/** A golden folder with keys of its config changed, those of the language model's part where there is one. */
function changed(name: string, change: object): string {
  const golden = readGolden(name);
  const { text_config: text } = golden.config;
  const config =
    text === undefined ? { ...golden.config, ...change } : { ...golden.config, text_config: { ...text, ...change } };
  return goldenFolder(name, { ...golden, config });
}

/** Notes, but for the one about the vocabulary that these folders do not have. */
async function notesOf(folder: string): Promise<readonly string[]> {
  const { notes = [] } = await openModel(folder);
  return notes.filter((note) => !note.startsWith("converted without vocabulary"));
}

describe("what llama.cpp computes otherwise than the original is said", () => {
  test("experts' weights that are not to add up to 1", async () => {
    expect(await notesOf(changed("qwen3moe", { norm_topk_prob: false }))).toEqual([
      expect.stringMatching(/^the config has norm_topk_prob false, but llama.cpp makes the weights .* add up to 1/),
    ]);
    expect(await notesOf(changed("qwen3moe", { norm_topk_prob: true }))).toEqual([]);
  });

  test.each([
    ["mistral", { sliding_window: 128 }, true],
    ["mistral", { sliding_window: null }, false],
    ["mistral", { sliding_window: 512 }, false],
    ["llama", { sliding_window: 128, use_sliding_window: false }, false],
  ])("%s with %j: a window shorter than the context", async (name, change, isNoted) => {
    const note = expect.stringMatching(/^the config's sliding window of 128 tokens is shorter than its context of 512/);
    expect(await notesOf(changed(name, change))).toEqual(isNoted ? [note] : []);
  });
});

describe("what is left out is said", () => {
  test("towers for pictures", async () => {
    expect(await notesOf(changed("mistral3-vlm", {}))).toEqual([
      "model.vision_tower is no part of the language model: left out (a tensor)",
      "model.multi_modal_projector is no part of the language model: left out (a tensor)",
    ]);
  });

  test("layers that predict further tokens, where llama.cpp has no place for them", async () => {
    const note = expect.stringMatching(/^layers from 3 on predict further tokens: left out \(\d+ tensors\)$/);
    expect(await notesOf(changed("deepseek-v3", {}))).toEqual([note]);
    const { tensors } = await openModel(changed("deepseek-v3", {}));
    expect(tensors.some(({ name }) => name.startsWith("blk.3."))).toBe(false);
  });

  test("where it has one, they are kept and counted", async () => {
    const { tensors, metadata } = await openModel(changed("glm4moe", {}));
    const layers = new Set(tensors.flatMap(({ name }) => /^blk\.(\d+)\./.exec(name)?.[1] ?? []));
    expect(metadata.get("glm4moe.block_count")).toEqual({ type: "uint32", value: layers.size });
    expect(metadata.get("glm4moe.nextn_predict_layers")).toEqual({ type: "uint32", value: 1 });
  });
});

/** An embedding model of Qwen's: names without `model.` in front, and files that say how a text's vector is made. */
function embeddingFolder(files: Readonly<Record<string, unknown>>): string {
  const config = {
    architectures: ["Qwen3Model"],
    ...{ hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 },
    ...{ vocab_size: 10, max_position_embeddings: 16, head_dim: 4, rms_norm_eps: 1e-6 },
  };
  const folder = countingFolder(config, {
    "embed_tokens.weight": [10, 8],
    "norm.weight": [8],
    "layers.0.input_layernorm.weight": [8],
    "layers.0.post_attention_layernorm.weight": [8],
    "layers.0.self_attn.q_proj.weight": [8, 8],
    "layers.0.self_attn.k_proj.weight": [4, 8],
    "layers.0.self_attn.v_proj.weight": [4, 8],
    "layers.0.self_attn.o_proj.weight": [8, 8],
    "layers.0.self_attn.q_norm.weight": [4],
    "layers.0.self_attn.k_norm.weight": [4],
    "layers.0.mlp.gate_proj.weight": [16, 8],
    "layers.0.mlp.up_proj.weight": [16, 8],
    "layers.0.mlp.down_proj.weight": [8, 16],
  });
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), JSON.stringify(content));
  }
  return folder;
}

const modules = (path: string) => [
  { idx: 0, path: "", type: "sentence_transformers.models.Transformer" },
  { idx: 1, path, type: "sentence_transformers.models.Pooling" },
];

test.each([
  [{ pooling_mode_mean_tokens: true }, 1],
  [{ pooling_mode_cls_token: true, pooling_mode_mean_tokens: false }, 2],
  [{ pooling_mode_lasttoken: true }, 3],
  [{ pooling_mode: "lasttoken" }, 3],
])("pooling by %j is number %i", async (pooling, number) => {
  const model = await openModel(
    embeddingFolder({ "modules.json": modules("1_Pooling"), "1_Pooling/config.json": pooling }),
  );
  expect(model.metadata.get("qwen3.pooling_type")).toEqual({ type: "uint32", value: number });
});

test("without modules there is no pooling", async () => {
  expect((await openModel(embeddingFolder({}))).metadata.has("qwen3.pooling_type")).toBe(false);
});

test.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
  ["in another folder", { "modules.json": modules("../x") }, /expected the name of a folder, found "..\/x"/],
  [
    "of another kind",
    { "modules.json": modules("p"), "p/config.json": { pooling_mode: "max" } },
    /expected pooling of/,
  ],
  ["that is no list", { "modules.json": {} }, /modules.json: expected a JSON list/],
])("pooling %s is one clear error", async (_, files, message) => {
  await expect(openModel(embeddingFolder(files))).rejects.toThrow(message);
});

test("every class name belongs to one architecture, and is in the table of docs/formats.md", () => {
  const names = architectureNames();
  expect(new Set(names).size).toBe(names.length);
  const listed = new Set(readFileSync(FORMATS, "utf8").match(/(?<=`)\w+(?=`)/g));
  expect(names.filter((name) => !listed.has(name))).toEqual([]);
});

test("every name of a cut is in docs/formats.md", () => {
  const text = readFileSync(FORMATS, "utf8");
  expect(PRE_TOKENIZERS.map(({ name }) => name).filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
});
