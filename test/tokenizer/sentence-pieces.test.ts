import fc from "fast-check";
import { expect, test } from "vitest";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import { sentencePieceVocabulary, vocabulary, type VocabularyParts } from "../support/vocabularies.ts";

const PLAIN = { addSpecial: false, parseSpecial: false } as const;

function make(pieces: readonly string[], parts: VocabularyParts = {}) {
  return makeTokenizer(sentencePieceVocabulary(pieces, parts), "x.gguf");
}

function texts(pieces: readonly string[], text: string, parts: VocabularyParts = {}): string[] {
  const tokenizer = make(pieces, parts);
  return Array.from(tokenizer.encode(text, PLAIN), (id) => tokenizer.token(id).text);
}

const NO_PREFIX = { add_space_prefix: false } as const;

test("neighbours that are a token together are merged, the highest score first", () => {
  expect(texts(["ab", "bc", "a", "b", "c"], "abc", NO_PREFIX)).toEqual(["ab", "c"]);
  expect(texts(["bc", "ab", "a", "b", "c"], "abc", NO_PREFIX)).toEqual(["a", "bc"]);
});

test("of equal scores the leftmost is merged first", () => {
  const pieces = ["bc", "ab", "a", "b", "c"];
  expect(texts(pieces, "abc", { ...NO_PREFIX, scores: Array.from({ length: 264 }, () => 0) })).toEqual(["ab", "c"]);
});

test("a token that merging does not reach is not found", () => {
  expect(texts(["abc", "a", "b", "c"], "abc", NO_PREFIX)).toEqual(["a", "b", "c"]);
});

test("a text begins with a space unless the file says otherwise, and so does what follows a special token", () => {
  const pieces = ["▁a", "▁", "a"];
  expect(texts(pieces, "a a")).toEqual(["▁a", "▁a"]);
  expect(texts(pieces, " a")).toEqual(["▁", "▁a"]);
  expect(texts(pieces, "a a", NO_PREFIX)).toEqual(["a", "▁a"]);
  const tokenizer = make(pieces);
  const ids = tokenizer.encode("a</s>a", { addSpecial: true, parseSpecial: true });
  expect(Array.from(ids, (id) => tokenizer.token(id).text)).toEqual(["<s>", "▁a", "</s>", "▁a"]);
});

test("characters that are no token are written as bytes", () => {
  expect(texts(["a"], "aé", NO_PREFIX)).toEqual(["a", "<0xC3>", "<0xA9>"]);
});

test("spaces are merged across the places where a text may be cut", () => {
  const pieces = ["x▁y", "▁▁▁", "▁▁", "▁y", "x▁", "▁", "x", "y", "z"];
  expect(texts(pieces, "x y z   y", NO_PREFIX)).toEqual(["x▁y", "▁", "z", "▁▁▁", "y"]);
});

test("without a token for a character or its bytes the text is refused, naming both", () => {
  const parts = { model: "llama", tokens: ["<unk>", "<s>", "</s>", "▁", "a"], scores: [0, 0, 0, 0, 0] };
  const tokenizer = makeTokenizer(vocabulary(parts), "x.gguf");
  expect(Array.from(tokenizer.encode("a", PLAIN))).toEqual([3, 4]);
  expect(() => tokenizer.encode("aé", PLAIN)).toThrow(/^x\.gguf: .*"é".*<0xC3>/);
});

test("decoding what was encoded gives the text: the first space is taken away again", () => {
  const tokenizer = make(["▁a", "▁▁", "ab", "▁", "a", "b", "é"]);
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom("a", "b", " ", "é", "中", "\n", "😀"), maxLength: 30 }), (text) => {
      expect(tokenizer.decode(tokenizer.encode(text, { addSpecial: true, parseSpecial: false }))).toBe(text);
    }),
  );
});

test("a text that goes on keeps its first space", () => {
  const tokenizer = make(["▁a"]);
  const ids = tokenizer.encode("a", PLAIN);
  expect(tokenizer.decode(ids)).toBe("a");
  expect(tokenizer.decode(ids, { continues: true })).toBe(" a");
});
