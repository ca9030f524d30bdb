import { expect, test } from "vitest";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import type { Metadata } from "#dist/src/read/model.js";
import { vocabulary } from "../support/vocabularies.ts";

const TOKENS = ["[UNK]", "[CLS]", "[SEP]", "▁un", "▁a", "▁A", "able", "ab", "le", "▁!", "▁中", "▁e", "▁ᄒ", "▁b"];

function make(keys: Metadata = new Map()) {
  const ids = { unknown_token_id: 0, bos_token_id: 1, seperator_token_id: 2 };
  const tokenizer = makeTokenizer(
    new Map([...vocabulary({ model: "bert", tokens: TOKENS, ...ids }), ...keys]),
    "x.gguf",
  );
  return (text: string, addSpecial = false) =>
    Array.from(tokenizer.encode(text, { addSpecial, parseSpecial: false }), (id) => tokenizer.token(id).text);
}

test("the longest token that begins the rest of a word, again and again", () => {
  expect(make()("unable")).toEqual(["▁un", "able"]);
  expect(make()("unab")).toEqual(["▁un", "ab"]);
});

test("a word that cannot be written to its end is unknown as a whole", () => {
  expect(make()("unablex a")).toEqual(["[UNK]", "▁a"]);
});

test("punctuation and Han stand alone, control characters are left out", () => {
  expect(make()("a!a中a")).toEqual(["▁a", "▁!", "▁a", "▁中", "▁a"]);
  expect(make()("u\u0000n\u200d\ufffd")).toEqual(["▁un"]);
});

test("case and accents are taken away unless the file says otherwise", () => {
  expect(make()("UN É")).toEqual(["▁un", "▁e"]);
  // llama.cpp keeps the first character of what a character decomposes to: of Hangul, the first letter.
  expect(make()("한")).toEqual(["▁ᄒ"]);
  const cased: Metadata = new Map([["tokenizer.ggml.normalizer.lowercase", { type: "bool", value: false }]]);
  expect(make(cased)("A É")).toEqual(["▁A", "[UNK]"]);
});

test("a text stands between [CLS] and [SEP]", () => {
  expect(make()("a b", true)).toEqual(["[CLS]", "▁a", "▁b", "[SEP]"]);
  expect(make()("", true)).toEqual(["[CLS]", "[SEP]"]);
});
