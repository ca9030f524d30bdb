import { expect, test } from "vitest";
import { openModel, type OpenOptions } from "#dist/src/open/open-model.js";
import type { Model } from "#dist/src/read/model.js";
import { PRE_TOKENIZERS } from "#dist/src/read/hugging-face/vocabulary/pre-tokenizers.js";
import { changedConfig, changedTokenizer, fixtureJson, folderVariant } from "../support/hugging-face-folder.ts";
import { sentencePieceFile } from "../support/sentencepiece-file.ts";

const values = (model: Model, key: string) => {
  const value = model.metadata.get(`tokenizer.ggml.${key}`);
  return value?.type === "array" ? Array.from(value.values) : value?.value;
};
const open = (files: Record<string, string | Uint8Array | undefined>, options?: OpenOptions) =>
  openModel(folderVariant(files), options);
const tokenizerConfig = (change: object) => ({
  "tokenizer_config.json": JSON.stringify({ ...fixtureJson("tokenizer_config.json"), ...change }),
});
const bpe = (change: object) => ({ ...(fixtureJson("tokenizer.json")["model"] as object), ...change });

test("without a tokenizer the model is converted without vocabulary, and says so", async () => {
  const model = await open({ "tokenizer.json": undefined });
  expect(values(model, "model")).toBe("none");
  expect(model.notes).toEqual([expect.stringMatching(/without vocabulary/)]);
});

test("a kind that llama.cpp does not have is left out, and named", async () => {
  const model = await open(changedTokenizer({ model: { type: "WordLevel", vocab: {} } }));
  expect(values(model, "model")).toBe("none");
  expect(model.notes).toEqual([expect.stringMatching(/found WordLevel/)]);
});

// Ways to cut text ------------------------------------------------------------------------------------------------

const split = (Regex: string) => ({ type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false });
const bytes = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false };
const words = { ...bytes, use_regex: true };
const digits = (individual_digits: boolean) => ({ type: "Digits", individual_digits });
const punctuation = { type: "Punctuation", behavior: "Contiguous" };
const sequence = (...pretokenizers: object[]) => ({ type: "Sequence", pretokenizers });

// As the models' own files write them.
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const QWEN2 = LLAMA3.replace("{1,3}", "");
const QWEN35 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const DEEPSEEK_V3 = [
  "\\p{N}{1,3}",
  "[一-龥぀-ゟ゠-ヿ]+",
  // With line ends as they are, not escaped.
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
];
const JAIS2 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s{512}(?!\\S)|\\s{256}(?!\\S)|\\s{128}(?!\\S)|\\s{64}(?!\\S)|\\s{32}(?!\\S)|\\s{16}(?!\\S)|\\s{8}(?!\\S)|\\s{4}(?!\\S)|\\s{1,2}(?!\\S)|\\s{1}";
const BLOOM = " ?[^(\\s|[.,!?…。，、।۔،])]+";
const SEED =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\r\n]+|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";
const LING =
  "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";
const EXAONE =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+";

test.each<[string, object, object]>([
  ["llama-bpe", sequence(split(LLAMA3), bytes), { ignore_merges: true }],
  ["smaug-bpe", sequence(split(LLAMA3), bytes), {}],
  ["qwen2", sequence(split(QWEN2), bytes), {}],
  ["qwen2", sequence({ ...split(QWEN2), behavior: "Removed", invert: true }, bytes), {}],
  ["qwen35", sequence(split(QWEN35), bytes), {}],
  ["smollm", sequence(digits(true), words), {}],
  ["gpt-2", words, {}],
  ["deepseek-v3", sequence(...DEEPSEEK_V3.map(split), bytes), {}],
  ["jais-2", sequence(split(JAIS2), bytes), {}],
  ["minicpm5", sequence(split("\\p{N}{1,3}"), split(LLAMA3.replace("{1,3}", "+")), bytes), { ignore_merges: true }],
  ["laguna", sequence(split("[^\\n]+|[\\n]+"), split(QWEN2), bytes), {}],
  ["bloom", sequence(split(BLOOM), bytes), {}],
  ["viking", sequence(split(BLOOM), digits(true), bytes), {}],
  ["seed-coder", sequence(split(SEED), bytes), {}],
  ["bailingmoe", sequence(split(LING), bytes), {}],
  ["exaone-moe", sequence(split(EXAONE), bytes), {}],
  [
    "deepseek-coder",
    sequence(...["[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", "[一-龥ࠀ-一가-퟿]+"].map(split), digits(true), bytes),
    {},
  ],
  ["falcon", sequence(punctuation, words, digits(false), split("[0-9][0-9][0-9]")), {}],
])("text that is cut so is %s to llama.cpp", async (name, pre, change) => {
  const read = await open(changedTokenizer({ pre_tokenizer: pre, model: bpe(change) }));
  expect(values(read, "pre")).toBe(name);
  expect(read.notes).toBeUndefined();
});

test("no two known ways to cut text have the same steps", () => {
  const steps = PRE_TOKENIZERS.map((known) => known.steps.join("\n"));
  expect(new Set(steps).size).toBe(steps.length);
});

test("Falcon 3's cut gets the converter's name, and a note that llama.cpp cuts otherwise", async () => {
  const read = await open(changedTokenizer({ pre_tokenizer: sequence(punctuation, words, digits(true)) }));
  expect(values(read, "pre")).toBe("falcon3");
  expect(read.notes).toEqual([expect.stringMatching(/other tokens/)]);
});

const UNKNOWN = changedTokenizer({ pre_tokenizer: sequence(split("\\w+"), bytes) });

test("an unknown way to cut text is an error that names its steps", async () => {
  await expect(open(UNKNOWN)).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(/tokenizer.json: .*: split \\w\+; bytes \(--pre-tokenizer <name> decides/) as string,
  });
});

test("people may decide how text is cut", async () => {
  const read = await open(UNKNOWN, { preTokenizer: "granite-embed-multi-97m" });
  expect(values(read, "pre")).toBe("granite-embed-multi-97m");
  expect(read.notes).toBeUndefined();
  expect(values(await open({}, { preTokenizer: "qwen2" }), "pre")).toBe("qwen2");
});

test("those who only look get a note instead", async () => {
  const read = await open(UNKNOWN, { onUnknownCut: "note" });
  expect(values(read, "pre")).toBeUndefined();
  expect(read.notes).toEqual([expect.stringMatching(/split/)]);
});

test("a pre-tokenizer that llama.cpp does not have is refused with the nearest name", async () => {
  await expect(open({}, { preTokenizer: "qwen-2" })).rejects.toMatchObject({
    code: "unknown-name",
    message: expect.stringMatching(/did you mean "qwen2"/) as string,
  });
});

// Byte-level -------------------------------------------------------------------------------------------------------

test("added tokens of a byte-level vocabulary are control tokens or the user's", async () => {
  const added_tokens = [
    { id: 508, content: "Ġspaced", special: false, normalized: false },
    { id: 509, content: "<|odd|>", special: false },
    { id: 510, content: "two▁words", special: false },
    { id: 511, content: "<|endoftext|>", special: true },
  ];
  const model = await open(changedTokenizer({ added_tokens }));
  expect((values(model, "tokens") as string[]).slice(-4)).toEqual([" spaced", "<|odd|>", "two words", "<|endoftext|>"]);
  expect((values(model, "token_type") as number[]).slice(-4)).toEqual([4, 3, 4, 3]);
});

test("a token without a row in the embeddings is left out, with a note", async () => {
  const added_tokens = [{ id: 512, content: "[PAD]", special: true }];
  const model = await open(changedTokenizer({ added_tokens }));
  expect(values(model, "tokens")).toHaveLength(512);
  expect(model.notes).toEqual([expect.stringMatching(/a token has no row in the 512 .*: "\[PAD\]"/)]);
});

test("vocab.json and merges.txt alone are a byte-level vocabulary", async () => {
  const { vocab, merges } = bpe({}) as unknown as { vocab: object; merges: string[] };
  const files = {
    "tokenizer.json": undefined,
    "vocab.json": JSON.stringify(vocab),
    "merges.txt": `#version: 0.2\n${merges.join("\n")}\n`,
    "added_tokens.json": JSON.stringify({ "<|endoftext|>": 511 }),
  };
  const [read, original] = [await open(files), await open({})];
  for (const key of ["model", "pre", "tokens", "merges", "bos_token_id"]) {
    expect(values(read, key)).toEqual(values(original, key));
  }
  const qwen = await open({ ...files, ...tokenizerConfig({ tokenizer_class: "Qwen2TokenizerFast" }) });
  expect(values(qwen, "pre")).toBe("qwen2");
  await expect(open({ ...files, ...tokenizerConfig({ tokenizer_class: "OddTokenizer" }) })).rejects.toThrow(
    /tokenizer_class OddTokenizer/,
  );
});

test.each([
  ["NFC", /NFC is not applied/],
  ["NFKC", /NFKC is not applied/],
  ["Lowercase", /texts with capitals/],
])("the normalizer %s, which llama.cpp leaves out, is reported", async (type, note) => {
  const normalizer = { type: "Sequence", normalizers: [{ type }] };
  const model = await open(changedTokenizer({ normalizer }));
  expect(model.notes).toEqual([expect.stringMatching(note)]);
});

// SentencePiece ----------------------------------------------------------------------------------------------------

const PIECES = [
  { text: "<unk>", score: 0, kind: 2 },
  { text: "<s>", score: 0, kind: 3 },
  { text: "<0x0A>", score: 0, kind: 6 },
  { text: "▁a", score: -1, kind: 1 },
  { text: "b", score: -2.5, kind: 4 },
];
const pieces = (model: Uint8Array = sentencePieceFile(PIECES)) => ({
  "tokenizer.model": model,
  "tokenizer.json": undefined,
  "tokenizer_config.json": undefined,
});

test("a SentencePiece model gives pieces, scores and kinds; other files name tokens that were added", async () => {
  const model = await open({
    ...pieces(),
    "added_tokens.json": JSON.stringify({ "<user>": 5, "<|im_end|>": 6, "[PAD]": 512 }),
    "tokenizer_config.json": JSON.stringify({
      add_bos_token: true,
      add_prefix_space: false,
      added_tokens_decoder: { 6: { content: "<|im_end|>", special: true }, 7: { content: "x▁y", special: false } },
    }),
  });
  expect(model.notes).toEqual([expect.stringMatching(/"\[PAD\]"/)]);
  expect(values(model, "model")).toBe("llama");
  expect((values(model, "tokens") as string[]).slice(0, 9)).toEqual([
    ...PIECES.map(({ text }) => text),
    ...["<user>", "<|im_end|>", "x y", "[PAD8]"],
  ]);
  expect((values(model, "scores") as number[]).slice(0, 9)).toEqual([0, 0, 0, -1, -2.5, -1000, -1000, -1000, -10000]);
  expect((values(model, "token_type") as number[]).slice(0, 9)).toEqual([2, 3, 6, 1, 1, 4, 3, 4, 5]);
  expect(values(model, "add_bos_token")).toBe(true);
  expect(values(model, "add_space_prefix")).toBe(false);
});

/** A SentencePiece model whose normalizer says whether it puts a space in front. */
const withSpace = (adds: number) => Uint8Array.of(...sentencePieceFile(PIECES), 0x1a, 2, 0x18, adds);

test("a model that puts no space in front of a text says so", async () => {
  expect(values(await open(pieces(withSpace(0))), "add_space_prefix")).toBe(false);
  expect(values(await open(pieces(withSpace(1))), "add_space_prefix")).toBeUndefined();
  expect(values(await open(pieces()), "add_space_prefix")).toBeUndefined();
});

const RANKED = { type: "BPE", byte_fallback: true, unk_token: "<unk>", vocab: { "<unk>": 0, "<0x41>": 1, a: 2, b: 3 } };

test("SentencePiece pieces in a tokenizer.json are scored by the rank of their merges", async () => {
  const vocab = { ...RANKED.vocab, ab: 4, aba: 5 };
  const model = { ...RANKED, vocab, merges: ["a b", ["ab", "a"]] };
  const special = { id: 0, content: "<unk>", special: true };
  const read = await open(changedTokenizer({ model, added_tokens: [special] }));
  expect(values(read, "model")).toBe("llama");
  expect((values(read, "token_type") as number[]).slice(0, 6)).toEqual([2, 6, 1, 1, 1, 1]);
  expect((values(read, "scores") as number[]).slice(2, 6)).toEqual([0, 0, -0, -1]);
});

const replace = { type: "Replace", pattern: { String: " " }, content: "▁" };

test.each<[string, object, boolean | undefined]>([
  [
    "its normalizer puts one",
    { normalizer: { type: "Sequence", normalizers: [{ type: "Prepend" }, replace] } },
    undefined,
  ],
  ["Metaspace puts one first", { pre_tokenizer: { type: "Metaspace", prepend_scheme: "first" } }, undefined],
  ["an older Metaspace puts one", { pre_tokenizer: { type: "Metaspace", add_prefix_space: true } }, undefined],
  ["Metaspace never does", { pre_tokenizer: { type: "Metaspace", prepend_scheme: "never" } }, false],
  ["nothing puts one", { normalizer: replace, pre_tokenizer: { type: "Split" } }, false],
])("a space in front of a text, where %s", async (_, change, expected) => {
  const read = await open(changedTokenizer({ model: { ...RANKED, merges: [] }, pre_tokenizer: null, ...change }));
  expect(values(read, "add_space_prefix")).toBe(expected);
  expect(read.notes).toBeUndefined();
});

// WordPiece and Unigram --------------------------------------------------------------------------------------------

test("a WordPiece vocabulary marks the beginnings of words instead of their continuations", async () => {
  const model = { type: "WordPiece", vocab: { "[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, play: 4, "##ing": 5 } };
  const special = (id: number, content: string) => ({ id, content, special: true });
  const added_tokens = [special(0, "[PAD]"), special(1, "[UNK]"), special(2, "[CLS]"), special(3, "[SEP]")];
  const normalizer = { type: "BertNormalizer", lowercase: false, strip_accents: null };
  const files = {
    ...changedTokenizer({ model, added_tokens, normalizer }),
    "tokenizer_config.json": JSON.stringify({ cls_token: "[CLS]", sep_token: "[SEP]" }),
    ...changedConfig({ type_vocab_size: 2, bos_token_id: undefined, eos_token_id: undefined }),
  };
  const read = await open(files);
  expect(read.notes).toBeUndefined();
  expect(values(read, "model")).toBe("bert");
  expect((values(read, "tokens") as string[]).slice(0, 6)).toEqual([
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "▁play",
    "ing",
  ]);
  expect(values(read, "token_type_count")).toBe(2);
  expect(values(read, "normalizer.lowercase")).toBe(false);
  expect(values(read, "normalizer.strip_accents")).toBeUndefined();
  expect([values(read, "bos_token_id"), values(read, "eos_token_id")]).toEqual([2, 3]);
});

test("vocab.txt alone is a WordPiece vocabulary", async () => {
  const read = await open({ "tokenizer.json": undefined, "vocab.txt": "[UNK]\nplay\n##ing\n", ...tokenizerConfig({}) });
  expect((values(read, "tokens") as string[]).slice(0, 3)).toEqual(["▁[UNK]", "▁play", "ing"]);
  expect(values(read, "normalizer.lowercase")).toBe(true);
});

test("a Unigram vocabulary keeps its scores and its map of characters", async () => {
  const model = {
    type: "Unigram",
    unk_id: 1,
    vocab: [
      ["<s>", 0],
      ["<unk>", 0],
      ["▁a", -2.5],
    ],
  };
  const read = await open(
    changedTokenizer({
      model,
      normalizer: { type: "Sequence", normalizers: [{ type: "Precompiled", precompiled_charsmap: "AQID" }] },
      pre_tokenizer: sequence({ type: "WhitespaceSplit" }, { type: "Metaspace", prepend_scheme: "always" }),
      added_tokens: [
        { id: 0, content: "<s>", special: true },
        { id: 1, content: "<unk>", special: true },
      ],
    }),
  );
  expect(read.notes).toBeUndefined();
  expect(values(read, "model")).toBe("t5");
  expect((values(read, "token_type") as number[]).slice(0, 4)).toEqual([3, 2, 1, 5]);
  expect((values(read, "scores") as number[]).slice(0, 3)).toEqual([0, 0, -2.5]);
  expect(values(read, "add_space_prefix")).toBe(true);
  expect(values(read, "remove_extra_whitespaces")).toBe(true);
  expect(values(read, "precompiled_charsmap")).toEqual([1, 2, 3]);
});

test("XLM-RoBERTa's SentencePiece model gets Hugging Face's four tokens in front", async () => {
  const model = [..."abcde"].map((text, i) => ({ text, score: -i, kind: 1 }));
  const read = await open({
    ...pieces(),
    "tokenizer.model": undefined,
    "sentencepiece.bpe.model": Uint8Array.of(...sentencePieceFile(model)),
  });
  expect(values(read, "model")).toBe("t5");
  expect((values(read, "tokens") as string[]).slice(0, 7)).toEqual([
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "d",
    "e",
    "<mask>",
  ]);
  expect((values(read, "token_type") as number[]).slice(0, 7)).toEqual([3, 3, 3, 2, 1, 1, 3]);
});

// Special tokens and templates -------------------------------------------------------------------------------------

test("a byte-level vocabulary always states what is added to a text: llama.cpp guesses by the cut", async () => {
  const model = await open({ "tokenizer_config.json": undefined });
  expect([values(model, "add_bos_token"), values(model, "add_eos_token")]).toEqual([false, false]);
});

const single = (...tokens: (string | null)[]) =>
  tokens.map((id) => (id === null ? { Sequence: { id: "A" } } : { SpecialToken: { id } }));

test("without tokenizer_config.json the first token of the template begins a text", async () => {
  const post_processor = { type: "TemplateProcessing", single: single("<|endoftext|>", null) };
  const model = await open({ ...changedTokenizer({ post_processor }), "tokenizer_config.json": undefined });
  expect(values(model, "add_bos_token")).toBe(true);
  expect(values(model, "bos_token_id")).toBe(511);
});

test("a template that ends with another token than the config's makes that one the end", async () => {
  const added_tokens = [510, 511].map((id) => ({ id, content: `<|${id}|>`, special: true }));
  const post_processor = { type: "TemplateProcessing", single: single(null, "<|510|>") };
  const model = await open({
    ...changedTokenizer({ post_processor, added_tokens }),
    "tokenizer_config.json": JSON.stringify({ eos_token: "<|511|>" }),
  });
  expect(values(model, "eos_token_id")).toBe(510);
  expect(values(model, "eot_token_id")).toBe(511);
  expect(values(model, "add_eos_token")).toBe(true);
});

test("special tokens, templates and what is added to a text", async () => {
  const template = { type: "TemplateProcessing", single: single("<|endoftext|>", null) };
  const model = await open({
    ...changedTokenizer({ post_processor: { type: "Sequence", processors: [{ type: "ByteLevel" }, template] } }),
    "tokenizer_config.json": JSON.stringify({
      ...{ bos_token: { content: "<|endoftext|>" }, pad_token: "<|endoftext|>", mask_token: "none such" },
      chat_template: [
        { name: "tool use", template: "T" },
        { name: "default", template: "D" },
      ],
    }),
  });
  expect(values(model, "bos_token_id")).toBe(511);
  expect(values(model, "padding_token_id")).toBe(511);
  expect(values(model, "mask_token_id")).toBeUndefined();
  expect(values(model, "add_bos_token")).toBe(true);
  expect(model.metadata.get("tokenizer.chat_template")).toEqual({ type: "string", value: "D" });
  expect(model.metadata.get("tokenizer.chat_template.tool_use")).toEqual({ type: "string", value: "T" });
});

test.each<[string, Record<string, string>]>([
  ["chat_template.jinja", { "chat_template.jinja": "J" }],
  ["chat_template.json", { "chat_template.json": JSON.stringify({ chat_template: "J" }) }],
  ["a list", tokenizerConfig({ chat_template: [{ name: "default", template: "J" }] })],
  ["jinja files", { "chat_template.jinja": "J", "additional_chat_templates/rag.jinja": "R" }],
])("a chat template in %s", async (_, files) => {
  const model = await open(files);
  expect(model.metadata.get("tokenizer.chat_template")).toEqual({ type: "string", value: "J" });
});

// Faults -----------------------------------------------------------------------------------------------------------

test.each<[string, Record<string, string | Uint8Array | undefined>, RegExp]>([
  [
    "a SentencePiece model of rubbish",
    pieces(Uint8Array.of(0x0a, 0xff, 0xff, 0xff)),
    /tokenizer.model: byte 4: expected another byte/,
  ],
  [
    "a SentencePiece model with a piece past its end",
    pieces(Uint8Array.of(0x0a, 5, 0x0a, 1)),
    /tokenizer.model: byte 2: expected at most 2 bytes, found 5/,
  ],
  ["an empty SentencePiece model", pieces(new Uint8Array(0)), /SentencePiece model, found none/],
  ["two tokens with one id", changedTokenizer({ model: bpe({ vocab: { a: 1, b: 1 } }) }), /"a" and "b" share id 1/],
  [
    "two tokens with one text",
    changedTokenizer({ added_tokens: [{ id: 510, content: "!", special: false }] }),
    /tokens \d+ and 510 are both "!"/,
  ],
  [
    "an id that is no number",
    changedTokenizer({ model: bpe({ vocab: { a: "1" } }) }),
    /expected a whole number, found "1"/,
  ],
  ["a tokenizer without model", changedTokenizer({ model: 1 }), /key "model"/],
  ["merges that are no pairs", changedTokenizer({ model: bpe({ merges: ["ab"] }) }), /merge 0: expected/],
  [
    "a Unigram piece without score",
    changedTokenizer({ model: { type: "Unigram", vocab: ["a"] } }),
    /token 0: expected/,
  ],
])("%s is one clear error", async (_, files, message) => {
  await expect(open(files)).rejects.toMatchObject({
    ...{ name: "QuantizeError", code: "bad-format" },
    message: expect.stringMatching(message) as string,
  });
});
