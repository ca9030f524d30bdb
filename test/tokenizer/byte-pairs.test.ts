import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openModel } from "#dist/src/open/open-model.js";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import { BYTE_CHARACTERS } from "#dist/src/tokenizer/byte-characters.js";
import { bytePairVocabulary, vocabulary, type VocabularyParts } from "../support/vocabularies.ts";

const FABLE = fileURLToPath(new URL("../../fixtures/fable/fable-f16.gguf", import.meta.url));
const fable = makeTokenizer((await openModel(FABLE)).metadata, FABLE);
const PLAIN = { addSpecial: false, parseSpecial: false } as const;
const encode = (text: string, options = PLAIN) => Array.from(fable.encode(text, options));

test("the fixture's ids are those that llama.cpp gives", () => {
  expect(encode("")).toEqual([]);
  expect(encode("Once upon a time")).toEqual([379, 380, 258, 366]);
  expect(encode("Hello  world\n\n's")).toEqual([72, 101, 313, 111, 32, 259, 324, 344, 10, 10, 332]);
});

test("what the fixture says of itself", () => {
  expect(fable).toMatchObject({ kind: "gpt2", vocabularySize: 512, bos: 511, eos: 511, eot: 511 });
  expect([fable.addsBos, fable.addsEos]).toEqual([false, false]);
  expect([...fable.endOfGeneration]).toEqual([511]);
  expect(fable.token(511)).toEqual({ text: "<|endoftext|>", type: "control" });
  expect(fable.token(32)).toEqual({ text: "Ġ", type: "normal" });
});

test("decoding what was encoded gives the text, whatever it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      expect(fable.decode(fable.encode(text, PLAIN))).toBe(text);
    }),
  );
});

test("lone surrogates are replacement characters", () => {
  expect(encode("a\ud83db\ude00")).toEqual(encode("a\ufffdb\ufffd"));
});

/** A byte-level vocabulary of all bytes and what these merges make. */
function merging(merges: readonly string[], parts: VocabularyParts = {}) {
  const tokens = [...BYTE_CHARACTERS, ...new Set(merges.map((merge) => merge.replace(" ", "")))];
  const base = { model: "gpt2", pre: "gpt-2", tokens, merges, bos_token_id: 0, eos_token_id: 1 };
  const tokenizer = makeTokenizer(vocabulary({ ...base, ...parts }), "x.gguf");
  return (text: string) => Array.from(tokenizer.encode(text, PLAIN), (id) => tokenizer.token(id).text);
}

test("the merge that stands first in the list is done first, the leftmost of equals before others", () => {
  expect(merging(["a b", "b c"])("abc")).toEqual(["ab", "c"]);
  expect(merging(["b c", "a b"])("abc")).toEqual(["a", "bc"]);
  expect(merging(["a a"])("aaaaa")).toEqual(["aa", "aa", "a"]);
  expect(merging(["a a", "aa aa", "aa a"])("aaaaaaa")).toEqual(["aaaa", "aaa"]);
});

test("of equal merges the first counts", () => {
  expect(merging(["a b", "b c", "a b"])("abc")).toEqual(["ab", "c"]);
});

test("words are merged, not what crosses their border", () => {
  expect(merging(["b Ġ", "Ġ c", "b c"])("ab cd")).toEqual(["a", "b", "Ġc", "d"]);
});

test("llama-bpe takes a word that is a token, whatever the merges would make of it; others do not", () => {
  const merges = ["b c"];
  const parts = { tokens: [...BYTE_CHARACTERS, "bc", "abc"] };
  expect(merging(merges, { ...parts, pre: "llama-bpe" })("abc")).toEqual(["abc"]);
  expect(merging(merges, { ...parts, pre: "smaug-bpe" })("abc")).toEqual(["a", "bc"]);
});

test("of a merge that makes no token the ASCII characters remain, as in llama.cpp", () => {
  const tokens = BYTE_CHARACTERS.filter((character) => character !== "c");
  expect(merging(["a b", "ab Ã"], { tokens })("abÃx")).toEqual(["a", "b", "ĥ", "x"]);
  expect(merging([], { tokens })("acb")).toEqual(["a", "b"]);
});

test("begin and end of text are added where the file says so", () => {
  const metadata = bytePairVocabulary(0, { add_bos_token: true, add_eos_token: true });
  const tokenizer = makeTokenizer(metadata, "x.gguf");
  expect(Array.from(tokenizer.encode("!", { addSpecial: true, parseSpecial: false }))).toEqual([0, 0x21, 1]);
  expect(Array.from(tokenizer.encode("!", PLAIN))).toEqual([0x21]);
});

test("gemma4: characters are merged, spaces are U+2581, line ends that are a token stay one", () => {
  const tokens = ["<bos>", "▁", "a", "b", "▁a", "▁ab", "\n", "\n\n", "<0xC3>", "<0xA9>"];
  const merges = ["▁ a", "▁a b"];
  const tokenizer = makeTokenizer(vocabulary({ model: "gemma4", tokens, merges, bos_token_id: 0 }), "x.gguf");
  const texts = (text: string) => Array.from(tokenizer.encode(text, PLAIN), (id) => tokenizer.token(id).text);
  expect(texts("ab ab\n\n\n a")).toEqual(["a", "b", "▁ab", "\n", "\n", "\n", "▁a"]);
  expect(texts("a\n\nb")).toEqual(["a", "\n\n", "b"]);
  expect(texts("é")).toEqual(["<0xC3>", "<0xA9>"]);
  expect(tokenizer.addsBos).toBe(true);
  expect(tokenizer.decode(tokenizer.encode("ab  ab", PLAIN))).toBe("ab  ab");
});
