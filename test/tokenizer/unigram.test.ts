import { expect, test } from "vitest";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import type { Metadata } from "#dist/src/read/model.js";
import { vocabulary, type VocabularyParts } from "../support/vocabularies.ts";

const PLAIN = { addSpecial: false, parseSpecial: false } as const;
const PIECES = [
  ["<pad>", 0, 3],
  ["</s>", 0, 3],
  ["<unk>", 0, 2],
  ["▁", -2, 1],
  ["a", -3, 1],
  ["b", -3, 1],
  ["ab", -5, 1],
  ["abb", -7, 1],
  ["ba", -9, 1],
  ["[x]", 0, 4],
] as const;

function make(parts: VocabularyParts = {}, keys: Metadata = new Map()) {
  const tokens = PIECES.map(([text]) => text);
  const base = { model: "t5", tokens, scores: PIECES.map(([, score]) => score), token_type: PIECES.map((p) => p[2]) };
  const tokenizer = makeTokenizer(new Map([...vocabulary({ ...base, ...parts }), ...keys]), "x.gguf");
  return (text: string) => Array.from(tokenizer.encode(text, PLAIN), (id) => tokenizer.token(id).text);
}

test("of all ways to write a text, the one with the highest sum of scores", () => {
  // ab 5, a b 6; abb 7, ab b 8; b a 6, ba 9.
  expect(make()("ab")).toEqual(["ab"]);
  expect(make()("abb")).toEqual(["abb"]);
  expect(make()("ba")).toEqual(["b", "a"]);
  expect(make()("abab")).toEqual(["ab", "ab"]);
});

test("unknown characters side by side are one unknown token", () => {
  expect(make()("xyab?")).toEqual(["<unk>", "ab", "<unk>"]);
});

test("spaces: written as U+2581, put before the text, or left out where there are several", () => {
  expect(make()("a  b")).toEqual(["a", "▁", "▁", "b"]);
  expect(make({ add_space_prefix: true })("a b")).toEqual(["▁", "a", "▁", "b"]);
  const merged: Metadata = new Map([["tokenizer.ggml.remove_extra_whitespaces", { type: "bool", value: true }]]);
  expect(make({}, merged)("  a   b  ")).toEqual(["▁", "a", "▁", "b"]);
});

test("the end of text is added; nothing is added before", () => {
  const tokens = PIECES.map(([text]) => text);
  const scores = PIECES.map(([, score]) => score);
  const tokenizer = makeTokenizer(vocabulary({ model: "t5", tokens, scores }), "x.gguf");
  expect(Array.from(tokenizer.encode("a", { addSpecial: true, parseSpecial: false }))).toEqual([4, 1]);
});

/** A double array that replaces "é" (C3 A9) by "a" and "C" by "ab": nodes at base ^ byte. */
function charsmap(change: (words: Uint32Array) => void = () => {}): Metadata {
  const words = new Uint32Array(1024);
  const node = (byte: number, base: number, isEnd: boolean) => ((base << 10) | (isEnd ? 0x100 : 0) | byte) >>> 0;
  words[0] = node(0, 256, false);
  // Root: base 256. "C" at 256 ^ 0x43; its base leads to the place of its replacement.
  words[256 ^ 0x43] = node(0x43, 512 ^ (256 ^ 0x43), true);
  words[512] = 2;
  words[256 ^ 0xc3] = node(0xc3, 768 ^ (256 ^ 0xc3), false);
  words[768 ^ 0xa9] = node(0xa9, 600 ^ (768 ^ 0xa9), true);
  words[600] = 0;
  change(words);
  const map = Buffer.concat([
    Buffer.from(Uint32Array.of(words.byteLength).buffer),
    Buffer.from(words.buffer),
    Buffer.from("a\0ab\0"),
  ]);
  return new Map([["tokenizer.ggml.precompiled_charsmap", { type: "array", elementType: "uint8", values: map }]]);
}

test("the table that came with the model replaces characters", () => {
  expect(make({}, charsmap())("éC")).toEqual(["a", "ab"]);
  expect(make({}, charsmap())("[x]é")).toEqual(["[x]", "a"]);
});

test.each([
  ["a place beyond the array", charsmap((words) => (words[0] = (2000 << 10) >>> 0)), /places below 1024, found 1939/],
  ["a replacement without an end", charsmap((words) => (words[512] = 5)), /replacements that end/],
])("a table with %s is refused", (_, keys, message) => {
  expect(() => make({}, keys)("C")).toThrow(message);
});

test("a table that is cut off is refused at once", () => {
  const keys: Metadata = new Map([
    ["tokenizer.ggml.precompiled_charsmap", { type: "array", elementType: "uint8", values: [0, 4, 0, 0, 1] }],
  ]);
  expect(() => make({}, keys)).toThrow(/precompiled_charsmap.*5 bytes, of which 1024/);
});
