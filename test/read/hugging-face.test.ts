import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import type { MetadataValue, Model } from "#dist/src/read/model.js";
import { temporaryFolder } from "../support/gguf-file.ts";
import { readWeights } from "../support/read-weights.ts";
import { countingTensors } from "../support/safetensors-file.ts";
import { sentencePieceFile } from "../support/sentencepiece-file.ts";

const FIXTURE = fileURLToPath(new URL("../../fixtures/fable", import.meta.url));
const FOLDER = join(FIXTURE, "hf");

const fromFolder = await openModel(FOLDER);
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
  ]);
});

test("the safetensors file in a folder means the folder", async () => {
  const model = await openModel(join(FOLDER, "model.safetensors"));
  expect(names(model)).toEqual(names(fromGguf));
});

/** A copy of the fixture's folder with files changed or (undefined) gone. */
function variant(files: Record<string, string | Uint8Array | undefined>): string {
  const folder = temporaryFolder();
  cpSync(FOLDER, folder, { recursive: true, filter: (path) => !Object.hasOwn(files, path.slice(FOLDER.length + 1)) });
  for (const [name, content] of Object.entries(files)) {
    if (content !== undefined) writeFileSync(join(folder, name), content);
  }
  return folder;
}

const json = (name: string) => JSON.parse(readFileSync(join(FOLDER, name), "utf8")) as Record<string, never>;
const config = (change: object) => ({ "config.json": JSON.stringify({ ...json("config.json"), ...change }) });
const tokenizer = (change: object) => ({ "tokenizer.json": JSON.stringify({ ...json("tokenizer.json"), ...change }) });

test("without a tokenizer the model is converted without vocabulary, and says so", async () => {
  const model = await openModel(variant({ "tokenizer.json": undefined }));
  expect(model.metadata.get("tokenizer.ggml.model")).toEqual({ type: "string", value: "none" });
  expect(model.notes).toEqual([expect.stringMatching(/without vocabulary/)]);
});

test("an unknown way to cut text is noted", async () => {
  const model = await openModel(variant(tokenizer({ pre_tokenizer: { type: "Whitespace" } })));
  expect(model.metadata.get("tokenizer.ggml.pre")!).toMatchObject({ value: "default" });
  expect(model.notes).toEqual([expect.stringMatching(/tokenizer.ggml.pre/)]);
});

const PIECES = [
  { text: "<unk>", score: 0, kind: 2 },
  { text: "<s>", score: 0, kind: 3 },
  { text: "<0x0A>", score: 0, kind: 6 },
  { text: "▁a", score: -1, kind: 1 },
  { text: "b", score: -2.5, kind: 4 },
];
const values = (model: Model, key: string) => {
  const value = model.metadata.get(`tokenizer.ggml.${key}`);
  return value?.type === "array" ? Array.from(value.values) : value?.value;
};

test("a SentencePiece model gives pieces, scores and kinds; the config names tokens that were added", async () => {
  const folder = variant({
    "tokenizer.model": sentencePieceFile(PIECES),
    "tokenizer.json": undefined,
    "tokenizer_config.json": JSON.stringify({
      add_bos_token: true,
      add_prefix_space: false,
      added_tokens_decoder: { 6: { content: "<|im_end|>", special: true }, 7: { content: "x▁y", special: false } },
    }),
  });
  const model = await openModel(folder);
  expect(model.notes).toBeUndefined();
  expect(values(model, "model")).toBe("llama");
  expect((values(model, "tokens") as string[]).slice(0, 9)).toEqual([
    ...PIECES.map(({ text }) => text),
    ...["[PAD5]", "<|im_end|>", "x y", "[PAD8]"],
  ]);
  expect((values(model, "scores") as number[]).slice(0, 9)).toEqual([0, 0, 0, -1, -2.5, -10000, -1000, -1000, -10000]);
  expect((values(model, "token_type") as number[]).slice(0, 9)).toEqual([2, 3, 6, 1, 1, 5, 3, 4, 5]);
  expect(values(model, "add_bos_token")).toBe(true);
  expect(values(model, "add_space_prefix")).toBe(false);
});

test("SentencePiece pieces in a tokenizer.json are scored by the rank of their merges", async () => {
  const vocab = { "<unk>": 0, "<0x41>": 1, a: 2, b: 3, ab: 4, aba: 5 };
  const model = { type: "BPE", byte_fallback: true, unk_token: "<unk>", vocab, merges: ["a b", ["ab", "a"]] };
  const special = { id: 0, content: "<unk>", special: true };
  const read = await openModel(variant(tokenizer({ model, added_tokens: [special] })));
  expect(values(read, "model")).toBe("llama");
  expect((values(read, "token_type") as number[]).slice(0, 6)).toEqual([2, 6, 1, 1, 1, 1]);
  expect((values(read, "scores") as number[]).slice(2, 6)).toEqual([0, 0, -0, -1]);
});

test("added tokens of a byte-level vocabulary are control tokens or the user's", async () => {
  const added = [
    { id: 509, content: "<|odd|>", special: false },
    { id: 510, content: "two▁words", special: false },
    { id: 511, content: "<|endoftext|>", special: true },
  ];
  const model = await openModel(variant(tokenizer({ added_tokens: added })));
  expect((values(model, "tokens") as string[]).slice(-3)).toEqual(["<|odd|>", "two words", "<|endoftext|>"]);
  expect((values(model, "token_type") as number[]).slice(-3)).toEqual([3, 4, 3]);
});

test("special tokens, templates and what is added to a text", async () => {
  const template = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<|endoftext|>" } }, { Sequence: { id: "A" } }],
  };
  const change = {
    ...tokenizer({ post_processor: { type: "Sequence", processors: [{ type: "ByteLevel" }, template] } }),
    "tokenizer_config.json": JSON.stringify({
      ...{ bos_token: { content: "<|endoftext|>" }, pad_token: "<|endoftext|>", mask_token: "none such" },
      chat_template: [
        { name: "tools", template: "T" },
        { name: "default", template: "D" },
      ],
    }),
  };
  const model = await openModel(variant(change));
  expect(values(model, "bos_token_id")).toBe(511);
  expect(values(model, "padding_token_id")).toBe(511);
  expect(values(model, "mask_token_id")).toBeUndefined();
  expect(values(model, "add_bos_token")).toBe(true);
  expect(model.metadata.get("tokenizer.chat_template")).toEqual({ type: "string", value: "D" });
});

const LLAMA3_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });
const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const sequence = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });

test.each<[string, object, object]>([
  ["llama-bpe", sequence(split(LLAMA3_PATTERN), bytes), { ignore_merges: true }],
  ["smaug-bpe", sequence(split(LLAMA3_PATTERN), bytes), {}],
  ["qwen2", sequence(split(LLAMA3_PATTERN.replace("{1,3}", "")), bytes), {}],
  ["smollm", sequence({ type: "Digits", individual_digits: true }, { ...bytes, use_regex: true }), {}],
  ["gpt-2", { ...bytes, use_regex: true }, {}],
  ["default", sequence(split("\\w+"), bytes), {}],
])("text that is cut so is %s to llama.cpp", async (name, pre, change) => {
  const model = { ...(json("tokenizer.json")["model"] as object), ...change };
  const read = await openModel(variant(tokenizer({ pre_tokenizer: pre, model })));
  expect(values(read, "pre")).toBe(name);
});

test("a tied head is left to the embeddings", async () => {
  const model = await openModel(variant(config({ tie_word_embeddings: true })));
  expect(names(model)).toEqual(names(fromGguf).filter((name) => name !== "output.weight"));
});

test("Llama 3.1's rotary factors become a tensor", async () => {
  const scaling = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };
  const change = { rope_theta: 500000, rope_scaling: { ...scaling, original_max_position_embeddings: 8192 } };
  const model = await openModel(variant(config(change)));
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

function tinyFolder(config: object = TINY_CONFIG, shapes: Record<string, readonly number[]> = TINY): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "config.json"), JSON.stringify(config));
  writeFileSync(join(folder, "model.safetensors"), countingTensors(shapes));
  return folder;
}

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
    () => variant(config({ architectures: ["FooForCausalLM"] })),
    "unsupported",
    /expected one of LlamaForCausalLM, .*found FooForCausalLM/,
  ],
  ["no architecture", () => variant(config({ architectures: undefined })), "unsupported", /found none stated/],
  ["no config", () => variant({ "config.json": undefined }), "unsupported", /no config.json/],
  ["a broken config", () => variant({ "config.json": "{" }), "bad-format", /config.json: expected JSON/],
  ["no weights", () => variant({ "model.safetensors": undefined }), "unsupported", /found no safetensors/],
  [
    "weights that are quantized",
    () => variant(config({ quantization_config: { quant_method: "gptq" } })),
    "unsupported",
    /gptq/,
  ],
  ["too few layers in the config", () => variant(config({ num_hidden_layers: 1 })), "bad-format", /has 1 layers/],
  [
    "too many layers in the config",
    () => variant(config({ num_hidden_layers: 3 })),
    "bad-format",
    /"model.layers.2.*missing/,
  ],
  ["a million layers", () => variant(config({ num_hidden_layers: 2 ** 30 })), "bad-format", /missing/],
  ["no layers", () => variant(config({ num_hidden_layers: 0 })), "bad-format", /"num_hidden_layers"/],
  ["heads that do not divide the rows", () => variant(config({ num_attention_heads: 7 })), "bad-format", /7 heads/],
  ["heads that are text", () => variant(config({ num_attention_heads: "8" })), "bad-format", /found "8"/],
  ["another vocabulary size", () => variant(config({ vocab_size: 600 })), "bad-format", /expected 512/],
  ["another rope scaling", () => variant(config({ rope_scaling: { type: "longrope" } })), "unsupported", /longrope/],
  [
    "a vocabulary that is too large",
    () => variant(tokenizer({ added_tokens: [{ id: 512, content: "x" }] })),
    "bad-format",
    /id below 512/,
  ],
  [
    "a SentencePiece model of rubbish",
    () => variant({ "tokenizer.model": Uint8Array.of(0x0a, 0xff, 0xff, 0xff) }),
    "bad-format",
    /tokenizer.model: byte 4: expected another byte/,
  ],
  [
    "a SentencePiece model with a piece past its end",
    () => variant({ "tokenizer.model": Uint8Array.of(0x0a, 5, 0x0a, 1) }),
    "bad-format",
    /tokenizer.model: byte 2: expected at most 2 bytes, found 5/,
  ],
  [
    "an empty SentencePiece model",
    () => variant({ "tokenizer.model": "" }),
    "bad-format",
    /SentencePiece model, found none/,
  ],
  [
    "two tokens with one id",
    () => variant(tokenizer({ model: { ...(json("tokenizer.json")["model"] as object), vocab: { a: 1, b: 1 } } })),
    "bad-format",
    /tokens "a" and "b" share id 1/,
  ],
  ["a tokenizer without model", () => variant(tokenizer({ model: 1 })), "bad-format", /"model"/],
  ["two keys alike", () => variant({ "config.json": '{"a": 1, "b": {"a": 2}, "a": 3}' }), "bad-format", /"a" twice/],
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
