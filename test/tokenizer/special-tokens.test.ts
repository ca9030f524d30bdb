import { expect, test } from "vitest";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import type { Metadata } from "#dist/src/read/model.js";
import { bytePairVocabulary, strings, vocabulary, type VocabularyParts } from "../support/vocabularies.ts";

type Special = readonly [text: string, type: "normal" | "control" | "user-defined" | "unknown"];
const TYPES = { normal: 1, unknown: 2, control: 3, "user-defined": 4 };

function make(special: readonly Special[], parts: VocabularyParts = {}, keys: Metadata = new Map()) {
  const base = bytePairVocabulary(0, parts);
  const tokens = [...strings(base, "tokens"), ...special.map(([text]) => text)];
  const types = tokens.map((_, id) => (id < 256 ? 1 : TYPES[special[id - 256]![1]]));
  return makeTokenizer(new Map([...base, ...vocabulary({ tokens, token_type: types }), ...keys]), "x.gguf");
}

function cut(special: readonly Special[], text: string, parseSpecial: boolean, keys: Metadata = new Map()): string[] {
  const tokenizer = make(special, {}, keys);
  const texts = new Set(special.map(([token]) => token));
  const words: string[] = [];
  let isText = false;
  for (const id of tokenizer.encode(text, { addSpecial: false, parseSpecial })) {
    const token = tokenizer.token(id).text;
    if (isText && !texts.has(token)) words.push(words.pop()! + tokenizer.decode([id]));
    else words.push(texts.has(token) ? `[${token}]` : tokenizer.decode([id]));
    isText = !texts.has(token);
  }
  return words;
}

test("control tokens are found where they are to be parsed, user-defined ones always", () => {
  const special: Special[] = [
    ["<c>", "control"],
    ["<u>", "user-defined"],
    ["<k>", "unknown"],
    ["<n>", "normal"],
  ];
  expect(cut(special, "a<c>b<u>c<k>d<n>", true)).toEqual(["a", "[<c>]", "b", "[<u>]", "c", "[<k>]", "d<n>"]);
  expect(cut(special, "a<c>b<u>c<k>d<n>", false)).toEqual(["a<c>b", "[<u>]", "c<k>d<n>"]);
});

test("the longest token (in bytes) comes first, wherever it stands", () => {
  const special: Special[] = [
    ["aa", "user-defined"],
    ["aaa", "user-defined"],
    ["cж", "user-defined"],
    ["bc", "user-defined"],
  ];
  expect(cut(special, "aaaaa", false)).toEqual(["[aaa]", "[aa]"]);
  expect(cut(special, "baaaab", false)).toEqual(["b", "[aaa]", "ab"]);
  // "bc" has as many letters, fewer bytes.
  expect(cut(special, "bcж", false)).toEqual(["b", "[cж]"]);
});

test.each([
  ["general.name", "Phi-3-mini", "a </s> \n b", ["a ", "[</s>]", "b"]],
  ["general.name", "Phi-3-mini", "a <s> b", ["a ", "[<s>]", " b"]],
  ["tokenizer.ggml.pre", "jina-v2-de", "a \t<mask> b", ["a", "[<mask>]", " b"]],
  ["general.name", "modern-bert", "a [MASK] b", ["a", "[[MASK]]", " b"]],
  ["general.name", "other", "a </s> <mask> b", ["a ", "[</s>]", " ", "[<mask>]", " b"]],
])("white space beside special tokens, by %s %s", (key, value, text, expected) => {
  const special: Special[] = ["</s>", "<s>", "<mask>", "[MASK]"].map((token) => [token, "control"]);
  expect(cut(special, text, true, new Map([[key, { type: "string", value }]]))).toEqual(expected);
});

const ends = (special: readonly Special[], parts: VocabularyParts = {}) => {
  const tokenizer = make(special, { eos_token_id: 256, ...parts });
  return [...tokenizer.endOfGeneration].map((id) => tokenizer.token(id).text).sort();
};

test("tokens that end a generation are known by their text, and become control tokens", () => {
  const special: Special[] = [
    ["<eos>", "control"],
    ["<|im_end|>", "normal"],
    ["<|file_sep|>", "normal"],
    ["<|im_start|>", "control"],
  ];
  expect(ends(special)).toEqual(["<eos>", "<|file_sep|>", "<|im_end|>"]);
  const tokenizer = make(special, { eos_token_id: 256 });
  expect(tokenizer.token(257)).toEqual({ text: "<|im_end|>", type: "control" });
  expect(tokenizer.eot).toBe(257);
});

test('"<|end|>" ends a generation, but not where messages are ended by it', () => {
  const end: Special[] = [["<|end|>", "control"]];
  expect(ends(end)).toEqual(["<|end|>"]);
  const openai: Special[] = [...end, ["<|return|>", "control"], ["<|call|>", "control"]];
  expect(ends(openai, { eos_token_id: 257 })).toEqual(["<|call|>", "<|return|>"]);
  const tokenizer = make(openai, { eos_token_id: 257 });
  expect(tokenizer.token(256).type).toBe("user-defined");
});

test("control and unknown tokens are not seen in a decoded text unless it is asked for", () => {
  const tokenizer = make([
    ["<c>", "control"],
    ["<u>", "user-defined"],
    ["<k>", "unknown"],
  ]);
  expect(tokenizer.decode([0x61, 256, 257, 258])).toBe("\u0060<u>".replace("`", tokenizer.decode([0x61])));
  expect(tokenizer.decode([256, 257, 258], { special: true })).toBe("<c><u><k>");
});
