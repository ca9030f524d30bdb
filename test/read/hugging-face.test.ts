import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import type { MetadataValue, Model } from "#dist/src/read/model.js";
import { changedConfig, countingFolder, FIXTURE_FOLDER, folderVariant } from "../support/hugging-face-folder.ts";
import { readWeights } from "../support/read-weights.ts";

const FIXTURE = fileURLToPath(new URL("../../fixtures/fable", import.meta.url));

const fromFolder = await openModel(FIXTURE_FOLDER);
const fromGguf = await openModel(join(FIXTURE, "fable-f16.gguf"));
const names = (model: Model) => model.tensors.map(({ name }) => name).sort();

test("the fixture's folder has the tensors of the fixture's GGUF", () => {
  expect(names(fromFolder)).toEqual(names(fromGguf));
  expect(fromFolder.notes).toBeUndefined();
});

test.each(fromGguf.tensors.map(({ name, shape }) => [name, shape] as const))("%s is the same", (name, shape) => {
  expect(fromFolder.tensors.find((tensor) => tensor.name === name)!.shape).toEqual(shape);
  const [found, expected] = [readWeights(fromFolder, name), readWeights(fromGguf, name)];
  // The folder holds its norms in f16, the GGUF in f32.
  const distance = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  expect(distance).toBeLessThanOrEqual(name.endsWith("_norm.weight") ? 2 ** -11 : 0);
});

test("the metadata say what the fixture's GGUF says, and what llama.cpp's converter adds", () => {
  const textOf = (value?: MetadataValue): string => JSON.stringify({ ...value, stored: undefined });
  const differing = [...fromGguf.metadata]
    .filter(([key, value]) => textOf(fromFolder.metadata.get(key)) !== textOf(value))
    .map(([key]) => key);
  expect(differing).toEqual(["general.name", "general.description"]);
  const added = [...fromFolder.metadata.keys()].filter((key) => !fromGguf.metadata.has(key));
  expect(added).toEqual([
    "general.type",
    "general.size_label",
    "llama.attention.key_length",
    "llama.attention.value_length",
    "general.quantization_version",
    "tokenizer.ggml.add_eos_token",
  ]);
});

test("the safetensors file in a folder means the folder", async () => {
  const model = await openModel(join(FIXTURE_FOLDER, "model.safetensors"));
  expect(names(model)).toEqual(names(fromGguf));
});

test("a tied head is left to the embeddings", async () => {
  const model = await openModel(folderVariant(changedConfig({ tie_word_embeddings: true })));
  expect(names(model)).toEqual(names(fromGguf).filter((name) => name !== "output.weight"));
});

test("Llama 3.1's rotary factors become a tensor", async () => {
  const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const change = { rope_theta: 500000, rope_scaling: { ...scaling, original_max_position_embeddings: 8192 } };
  const model = await openModel(folderVariant(changedConfig(change)));
  const factors = readWeights(model, "rope_freqs.weight");
  expect(factors).toHaveLength(16);
  // Wavelengths 2 pi 500000^(i/16): up to 2048 as they are, beyond 8192 eight times as long.
  expect([...factors.slice(0, 8)]).toEqual(Array(8).fill(1));
  expect(factors[8]).toBeGreaterThan(1);
  expect([...factors.slice(9)]).toEqual(Array(7).fill(8));
});

const layer = (i: number, heads: { q: number; k: number }) => ({
  [`model.layers.${i}.input_layernorm.weight`]: [8],
  [`model.layers.${i}.self_attn.q_proj.weight`]: [heads.q * 4, 8],
  [`model.layers.${i}.self_attn.q_proj.bias`]: [heads.q * 4],
  [`model.layers.${i}.self_attn.k_proj.weight`]: [heads.k * 4, 8],
  [`model.layers.${i}.self_attn.v_proj.weight`]: [heads.k * 4, 8],
  [`model.layers.${i}.self_attn.o_proj.weight`]: [8, heads.q * 4],
  [`model.layers.${i}.post_attention_layernorm.weight`]: [8],
  [`model.layers.${i}.mlp.gate_proj.weight`]: [16, 8],
  [`model.layers.${i}.mlp.up_proj.weight`]: [16, 8],
  [`model.layers.${i}.mlp.down_proj.weight`]: [8, 16],
});
const TINY = {
  "model.embed_tokens.weight": [10, 8],
  "model.norm.weight": [8],
  ...layer(0, { q: 2, k: 1 }),
};
const TINY_CONFIG = {
  architectures: ["LlamaForCausalLM"],
  ...{ hidden_size: 8, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1 },
  ...{ vocab_size: 10, max_position_embeddings: 16, head_dim: 4, tie_word_embeddings: true },
};

const tinyFolder = (config: object = TINY_CONFIG, shapes: Record<string, readonly number[]> = TINY) =>
  countingFolder(config, shapes);

test("query and key rows are reordered within their heads, biases too; Qwen's are not", async () => {
  const model = await openModel(tinyFolder());
  const query = readWeights(model, "blk.0.attn_q.weight");
  const start = Math.min(...query);
  expect([0, 1, 2, 3, 4, 5, 6, 7].map((row) => (query[row * 8]! - start) / 8)).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
  const bias = readWeights(model, "blk.0.attn_q.bias");
  expect([...bias].map((value) => value - Math.min(...bias))).toEqual([0, 2, 1, 3, 4, 6, 5, 7]);
  const qwen = await openModel(tinyFolder({ ...TINY_CONFIG, architectures: ["Qwen2ForCausalLM"] }));
  expect(qwen.metadata.get("general.architecture")).toEqual({ type: "string", value: "qwen2" });
  expect(readWeights(qwen, "blk.0.attn_q.weight")).toEqual(query.toSorted());
});

const expert = (e: number) => ({
  [`model.layers.0.block_sparse_moe.experts.${e}.w1.weight`]: [6, 8],
  [`model.layers.0.block_sparse_moe.experts.${e}.w2.weight`]: [8, 6],
  [`model.layers.0.block_sparse_moe.experts.${e}.w3.weight`]: [6, 8],
});
const MIXTRAL_CONFIG = {
  ...TINY_CONFIG,
  architectures: ["MixtralForCausalLM"],
  num_local_experts: 3,
  num_experts_per_tok: 2,
};
const MIXTRAL = {
  ...Object.fromEntries(Object.entries(TINY).filter(([name]) => !name.includes(".mlp."))),
  "model.layers.0.block_sparse_moe.gate.weight": [3, 8],
  // As names sort, not as they lie.
  ...{ ...expert(2), ...expert(0), ...expert(1) },
};

test("experts are stacked into one tensor, in the order of their numbers", async () => {
  const model = await openModel(tinyFolder(MIXTRAL_CONFIG, MIXTRAL));
  const tensor = model.tensors.find(({ name }) => name === "blk.0.ffn_down_exps.weight")!;
  expect(tensor.shape).toEqual([6, 8, 3]);
  const weights = readWeights(model, tensor.name);
  // Expert 2 lies first in the file; each has 3 * 48 weights.
  expect([weights[0], weights[48], weights[96]].map((value) => value! - weights[96]!)).toEqual([144, 288, 0]);
  expect(model.metadata.get("llama.expert_count")).toEqual({ type: "uint32", value: 3 });
  expect(model.metadata.get("llama.expert_used_count")).toEqual({ type: "uint32", value: 2 });
});

test.each<[string, () => string, string, RegExp]>([
  [
    "a missing expert",
    () => tinyFolder({ ...MIXTRAL_CONFIG, num_local_experts: 4 }, MIXTRAL),
    "bad-format",
    /"model.layers.0.block_sparse_moe.experts.3.w1.weight" is missing/,
  ],
  [
    "an expert too many",
    () => tinyFolder({ ...MIXTRAL_CONFIG, num_local_experts: 2 }, MIXTRAL),
    "bad-format",
    /experts.2.*the config has 2 experts/,
  ],
  [
    "an expert of another shape",
    () => tinyFolder(MIXTRAL_CONFIG, { ...MIXTRAL, "model.layers.0.block_sparse_moe.experts.1.w1.weight": [8, 6] }),
    "bad-format",
    /experts.1.w1.weight": expected f32 of 8 x 6 as the other experts, found f32 of 6 x 8/,
  ],
  [
    "an expert with a zero before its number",
    () => tinyFolder(MIXTRAL_CONFIG, { ...MIXTRAL, "model.layers.0.block_sparse_moe.experts.01.w1.weight": [6, 8] }),
    "unsupported",
    /experts.01.w1.weight": not known/,
  ],
  [
    "another architecture",
    () => folderVariant(changedConfig({ architectures: ["LlamaForCausalLN"] })),
    "unsupported",
    /config.json: architecture: expected one of the \d+ that are known \(the nearest is LlamaForCausalLM\), found "LlamaForCausalLN"$/,
  ],
  [
    "no architecture",
    () => folderVariant(changedConfig({ architectures: undefined })),
    "unsupported",
    /found none stated/,
  ],
  ["no config", () => folderVariant({ "config.json": undefined }), "unsupported", /no config.json/],
  ["a broken config", () => folderVariant({ "config.json": "{" }), "bad-format", /config.json: expected JSON/],
  ["no weights", () => folderVariant({ "model.safetensors": undefined }), "unsupported", /found no safetensors/],
  [
    "weights quantized in a way that is not read",
    () => folderVariant(changedConfig({ quantization_config: { quant_method: "hqq" } })),
    "unsupported",
    /config.json: the weights are quantized in a way that is not read \(hqq\); give the original, or one in fp8, /,
  ],
  [
    "too few layers in the config",
    () => folderVariant(changedConfig({ num_hidden_layers: 1 })),
    "bad-format",
    /has 1 layers/,
  ],
  [
    "too many layers in the config",
    () => folderVariant(changedConfig({ num_hidden_layers: 3 })),
    "bad-format",
    /"model.layers.2.*missing/,
  ],
  ["a million layers", () => folderVariant(changedConfig({ num_hidden_layers: 2 ** 30 })), "bad-format", /missing/],
  ["no layers", () => folderVariant(changedConfig({ num_hidden_layers: 0 })), "bad-format", /"num_hidden_layers"/],
  [
    "heads that do not divide the rows",
    () => folderVariant(changedConfig({ num_attention_heads: 7 })),
    "bad-format",
    /7 heads/,
  ],
  ["heads that are text", () => folderVariant(changedConfig({ num_attention_heads: "8" })), "bad-format", /found "8"/],
  ["another vocabulary size", () => folderVariant(changedConfig({ vocab_size: 600 })), "bad-format", /expected 512/],
  [
    "another rope scaling",
    () => folderVariant(changedConfig({ rope_scaling: { type: "longrope" } })),
    "unsupported",
    /longrope/,
  ],
  [
    "two keys alike",
    () => folderVariant({ "config.json": '{"a": 1, "b": {"a": 2}, "a": 3}' }),
    "bad-format",
    /"a" twice/,
  ],
  [
    "a tensor that is not Llama's",
    () => tinyFolder(TINY_CONFIG, { ...TINY, "model.layers.0.self_attn.q_norm.weight": [8] }),
    "unsupported",
    /q_norm.weight": not known in the architecture "llama"/,
  ],
])("%s is one clear error", async (_, make, code, message) => {
  const error = await openModel(make()).catch((error: unknown) => error);
  expect(error).toMatchObject({ name: "QuantizeError", code });
  expect((error as Error).message).toMatch(message);
});
