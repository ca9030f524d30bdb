/** What would take minutes, were anything quadratic. */
import { expect, test } from "vitest";
import { makeMerger } from "#dist/src/tokenizer/merge-symbols.js";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import { PRE_TOKENIZERS } from "#dist/src/tokenizer/pre-tokenizers.js";
import { makeWordSplitter } from "#dist/src/tokenizer/split-words.js";
import { bytePairVocabulary, sentencePieceVocabulary, vocabulary } from "../support/vocabularies.ts";

const LENGTH = 100_000;
const PLAIN = { addSpecial: false, parseSpecial: true } as const;
const LONG = ["a", "A", "é", "1", " ", "\n", "a ", "中", "\u0301", "😀"].map(
  (unit) => [unit, unit.repeat(LENGTH / unit.length) + "x"] as const,
);

test("merging n symbols looks at a few pairs for each", () => {
  let looks = 0;
  const merge = makeMerger({
    // Any two equal symbols make the next.
    find(left, right) {
      looks++;
      return left === right ? left : -1;
    },
    orderOf: (symbol) => symbol,
    resultOf: (symbol) => symbol + 1,
  });
  const symbols = new Int32Array(2 ** 17);
  expect(merge(symbols, symbols.length)).toBe(1);
  expect(symbols[0]).toBe(17);
  expect(looks).toBeLessThan(4 * symbols.length);
});

// One name for each list of steps.
const WAYS = new Map([...PRE_TOKENIZERS].map(([name, { steps }]) => [steps.map(String).join("\n"), name]));

test.each([...WAYS.values()])("%s cuts texts of one word, one number, one space, 100000 characters long", (name) => {
  const split = makeWordSplitter(PRE_TOKENIZERS.get(name)!.steps);
  for (const [unit, text] of LONG) {
    let length = 0;
    split(text, (word) => (length += word.length));
    expect(length, JSON.stringify(unit)).toBe(text.length);
  }
});

test("byte pairs: a word, a number, a space of 100000 characters", () => {
  const tokenizer = makeTokenizer(bytePairVocabulary(2000), "x.gguf");
  for (const [unit, text] of LONG) {
    expect(tokenizer.decode(tokenizer.encode(text, PLAIN)) === text, JSON.stringify(unit)).toBe(true);
  }
});

test("SentencePiece, unigram and WordPiece: the same", () => {
  const pieces = ["▁▁", "aa", "aaaa", "▁", "a", "▁a", "a▁a", "11", "中中"];
  const llama = makeTokenizer(sentencePieceVocabulary(pieces), "x.gguf");
  const tokens = ["<pad>", "</s>", "<unk>", ...pieces];
  const t5 = makeTokenizer(vocabulary({ model: "t5", tokens, scores: tokens.map((_, i) => -i) }), "x.gguf");
  const ids = { unknown_token_id: 0, bos_token_id: 1, seperator_token_id: 2 };
  const bert = makeTokenizer(vocabulary({ model: "bert", tokens, ...ids }), "x.gguf");
  for (const [unit, text] of LONG) {
    expect(llama.decode(llama.encode(text, PLAIN)) === text, JSON.stringify(unit)).toBe(true);
    expect(t5.encode(text, PLAIN).length).toBeGreaterThan(0);
    expect(bert.encode(text, PLAIN).length).toBeGreaterThan(0);
  }
});

test("thousands of special tokens, of which the text begins one everywhere", () => {
  const special = Array.from({ length: 3000 }, (_, i) => " ".repeat((i % 300) + 1) + (i < 300 ? "" : `<${i}>`));
  const tokens = ["a", ...special];
  const types = tokens.map((_, id) => (id === 0 ? 1 : 4));
  const metadata = vocabulary({ model: "gpt2", tokens, merges: [], token_type: types });
  const tokenizer = makeTokenizer(metadata, "x.gguf");
  const ids = tokenizer.encode(" ".repeat(LENGTH), PLAIN);
  expect(ids.length).toBe(Math.ceil(LENGTH / 300));
});
