/** Token ids are llama.cpp's: for every way it cuts text, every kind of vocabulary, on a text made to be hard. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openModel } from "../../dist/src/open/open-model.js";
import type { Metadata } from "../../dist/src/read/model.js";
import { makeTokenizer } from "../../dist/src/tokenizer/make-tokenizer.js";
import { PRE_TOKENIZERS } from "../../dist/src/tokenizer/pre-tokenizers.js";
import { CLASS, unicodeClasses } from "../../dist/src/tokenizer/unicode-classes.js";
import { bytePairVocabulary, strings, vocabulary } from "../support/vocabularies.ts";
import { hardLines } from "./hard-text.ts";
import { loadUnicode } from "./libraries.mjs";
import { llamaTokenize } from "./llama.ts";
import { extractLlamaVocabularies, packageVocabulary, writeVocabulary } from "./vocabularies.ts";

const folder = mkdtempSync(join(tmpdir(), "tokenizer-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const LINES = hardLines();
const LLAMA_VOCABULARIES = extractLlamaVocabularies(folder);

test("the text has at least 500 lines", () => {
  expect(new Set(LINES).size).toBeGreaterThan(500);
});

/** All that is said of a vocabulary and made of texts, here and there, is the same. */
async function expectSame(path: string, texts: readonly string[] = LINES): Promise<void> {
  const theirs = llamaTokenize(path, texts);
  const ours = makeTokenizer((await openModel(path)).metadata, path);
  expect(ours.vocabularySize).toBe(theirs.size);
  expect([ours.bos ?? -1, ours.eos ?? -1]).toEqual([theirs.bos, theirs.eos]);
  expect([ours.addsBos, ours.addsEos]).toEqual([theirs.addsBos, theirs.addsEos]);
  expect([...ours.endOfGeneration].sort((a, b) => a - b)).toEqual(theirs.endOfGeneration);
  const differing = texts.flatMap((text, i) => {
    const plain = Array.from(ours.encode(text, { addSpecial: false, parseSpecial: false }));
    const special = Array.from(ours.encode(text, { addSpecial: true, parseSpecial: true }));
    return [
      ...(plain.join() === theirs.plain[i]!.join() ? [] : [{ text, ours: plain, theirs: theirs.plain[i] }]),
      ...(special.join() === theirs.special[i]!.join() ? [] : [{ text, ours: special, theirs: theirs.special[i] }]),
    ];
  });
  expect(differing).toEqual([]);
  // Tokens that are no UTF-8 by themselves cannot be compared as text.
  const pieces = theirs.pieces.flatMap((piece, id) => {
    const text = Buffer.from(piece, "base64").toString();
    const isWhole = Buffer.from(text).toString("base64") === piece;
    return isWhole && ours.decode([id], { special: true, continues: true }) !== text ? [id] : [];
  });
  expect(pieces).toEqual([]);
  const hidden = new Set(theirs.hidden);
  const shown = theirs.pieces.flatMap((piece, id) => {
    const isHidden = ours.decode([id], { continues: true }) === "";
    return piece !== "" && isHidden !== hidden.has(id) ? [id] : [];
  });
  expect(shown).toEqual([]);
}

test("the class of every code point is llama.cpp's", () => {
  const { flags, isHan } = loadUnicode();
  const classes = unicodeClasses();
  const bits = [
    [0x100, CLASS.space],
    [0x02, CLASS.number],
    [0x04, CLASS.letter],
    [0x10, CLASS.mark],
    [0x20, CLASS.punctuation],
    [0x40, CLASS.symbol],
    [0x80, CLASS.control],
    [0x01, CLASS.unassigned],
  ] as const;
  const differing: string[] = [];
  for (let code = 0; code < 0x110000; code++) {
    const theirs = flags(code);
    let expected: number = bits.find(([bit]) => theirs & bit)![1];
    if (isHan(code)) expected = expected === CLASS.letter ? CLASS.han : CLASS.hanUnassigned;
    if (classes[code] !== expected) differing.push(code.toString(16));
  }
  expect(differing).toEqual([]);
});

test.each(LLAMA_VOCABULARIES)("%s of llama.cpp's tests", async (name) => {
  await expectSame(join(folder, name));
});

test.each(["llama3_1", "qwen3", "llama2", "gpt4o", "gemma3", "deepseek_v3", "gptoss", "claude"])(
  "%s of npm",
  async (name) => {
    const metadata = await packageVocabulary(folder, name);
    // Not among the ways of cutting that the reader recognizes.
    if (name === "deepseek_v3") metadata.set("tokenizer.ggml.pre", { type: "string", value: "deepseek-v3" });
    await expectSame(writeVocabulary(join(folder, `${name}.gguf`), metadata));
  },
);

// A quarter of all pairs of bytes may be merged, drawn by lot: hardly a text that is cut elsewhere has the same ids.
const MANY_PAIRS = bytePairVocabulary(2 ** 14);
// llama.cpp ends itself when it meets a space in a word of "whitespace".
const WITHOUT_SPACES = LINES.filter((line) => !line.includes(" "));

test.each([...PRE_TOKENIZERS.keys()])("text is cut the way %s says", async (pre) => {
  const metadata: Metadata = new Map([...MANY_PAIRS, ["tokenizer.ggml.pre", { type: "string", value: pre }]]);
  const path = writeVocabulary(join(folder, `pre-${pre}.gguf`), metadata);
  await expectSame(path, pre === "whitespace" ? WITHOUT_SPACES : LINES);
});

/** A byte-level vocabulary with tokens of these texts and types. */
function withTokens(tokens: readonly (readonly [text: string, type: number])[], keys: Metadata = new Map()): Metadata {
  const base = bytePairVocabulary(0);
  const texts = [...(strings(base, "tokens") as string[]), ...tokens.map(([text]) => text)];
  const types = texts.map((_, id) => tokens[id - texts.length + tokens.length]?.[1] ?? 1);
  return new Map([...base, ...vocabulary({ tokens: texts, token_type: types }), ...keys]);
}

const CHAT = "<|start|>user<|message|>hi<|end|> <|start|>assistant<|channel|>x<|return|>";

test.each([
  [
    "OpenAI's format",
    ["<|start|>", "<|message|>", "<|channel|>", "<|constrain|>", "<|end|>", "<|return|>", "<|call|>", "<|endoftext|>"],
  ],
  ["Upstage's format", ["<|end|>", "<|calls|>", "<|flush|>", "<|im_end|>"]],
  ["a message's end alone", ["<|end|>", "<|endoftext|>"]],
  ["Gemma 4's turns", ["<eos>", "<turn|>", "<|tool_response>", "</s>"]],
  ["code", ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|fim_pad|>", "<|repo_name|>", "<|file_sep|>"]],
  ["others", ["[EOT]", "[EOS]", "[PAD]", "[e~[", "<end_of_utterance>", "<|eom_id|>", "<unused1>", "<PRE>"]],
] as const)("tokens known by their text: %s", async (_, texts) => {
  for (const type of [1, 3, 4]) {
    const metadata = withTokens(texts.map((text) => [text, type]));
    const path = writeVocabulary(join(folder, "roles.gguf"), metadata);
    await expectSame(path, [CHAT, texts.join(""), texts.join(" "), ` ${texts.join(" \n ")} `, "none"]);
  }
});

test("special tokens that overlap, begin or contain each other", async () => {
  const tokens = ["aa", "aaa", "ab", "aba", "<x>", "<x><y>", "<y>", "  ", "   ", "\n\n", "\n\n\n", "ж", "жж", "中a"];
  const metadata = withTokens(tokens.map((text, i) => [text, i % 3 === 0 ? 3 : 4]));
  const path = writeVocabulary(join(folder, "overlap.gguf"), metadata);
  const letters = ["a", "b", "<x>", "<y>", " ", "\n", "ж", "中", "c"];
  let state = 1;
  const next = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8;
  const texts = Array.from({ length: 2000 }, () =>
    Array.from({ length: next() % 12 }, () => letters[next() % letters.length]).join(""),
  );
  await expectSame(path, texts);
});

test.each([
  ["phi-3", { "general.name": "Phi-3 mini" }],
  ["jina", { "tokenizer.ggml.pre": "jina-v2-de" }],
  ["jina-bert-v3", { "general.name": "x" }],
  ["modern-bert", { "general.name": "my modern-bert" }],
])("white space beside special tokens: %s", async (name, keys) => {
  const tokens = ["</s>", "<unk>", "<s>", "<|endoftext|>", "<mask>", "[MASK]", "<|user|>"];
  const added: Metadata = new Map(
    Object.entries(keys).map(([key, value]) => [key, { type: "string", value }] as const),
  );
  const metadata = withTokens(
    tokens.map((text, i) => [text, i === 6 ? 4 : 3]),
    added,
  );
  const path = writeVocabulary(join(folder, `${name}.gguf`), metadata);
  const texts = tokens.flatMap((text) => [
    `a ${text} b`,
    `a \n\t${text}\n  b`,
    `${text} ${text}  ${text}`,
    ` ${text} `,
  ]);
  await expectSame(path, texts);
});
