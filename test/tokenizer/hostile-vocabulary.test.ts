import { expect, test } from "vitest";
import { QuantizeError } from "#dist/src/errors.js";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import type { Metadata, MetadataValue } from "#dist/src/read/model.js";
import { bytePairVocabulary, sentencePieceVocabulary, vocabulary } from "../support/vocabularies.ts";

const BYTES = bytePairVocabulary(10);
const PIECES = sentencePieceVocabulary(["a"]);
const BERT = vocabulary({ model: "bert", tokens: ["a", "b"] });

const text = (value: string): MetadataValue => ({ type: "string", value });
const array = (
  elementType: "int32" | "float32" | "string" | "uint8",
  values: ArrayLike<number | string>,
): MetadataValue => ({
  type: "array",
  elementType,
  values,
});

test.each<[what: string, base: Metadata, key: string, value: MetadataValue | undefined, code: string, message: RegExp]>(
  [
    ["no vocabulary", BYTES, "model", undefined, "unsupported", /the file has no vocabulary/],
    ["none, by name", BYTES, "model", text("none"), "unsupported", /the file has no vocabulary/],
    [
      "a kind without a tokenizer here",
      BYTES,
      "model",
      text("rwkv"),
      "unsupported",
      /model".*rwkv, which is not supported/,
    ],
    ["an unknown kind", BYTES, "model", text("\u001b[31m"), "unsupported", /model".*found "\\u001b/],
    [
      "a number for the kind",
      BYTES,
      "model",
      { type: "uint32", value: 3 },
      "bad-format",
      /model": expected a string, found uint32/,
    ],
    ["an unknown way of cutting", BYTES, "pre", text("martian"), "unsupported", /pre": "martian"/],
    ["no tokens", BYTES, "tokens", undefined, "bad-format", /tokens": expected an array of strings, found none/],
    ["an empty list of tokens", BYTES, "tokens", array("string", []), "bad-format", /tokens": expected at least one/],
    ["tokens that are numbers", BYTES, "tokens", array("int32", [1]), "bad-format", /found an array of int32/],
    [
      "a token twice",
      BYTES,
      "tokens",
      array("string", ["a", "b", "a"]),
      "bad-format",
      /tokens": expected each token once, found "a" as 0 and 2/,
    ],
    ["no merges", BYTES, "merges", undefined, "bad-format", /merges": expected an array of strings, found none/],
    ["merges that are numbers", BYTES, "merges", array("int32", [1]), "bad-format", /merges".*found an array of int32/],
    [
      "a merge of one part",
      BYTES,
      "merges",
      array("string", ["ab"]),
      "bad-format",
      /merges": expected "left right", found "ab" \(merge 0\)/,
    ],
    [
      "too few types",
      BYTES,
      "token_type",
      array("int32", [1]),
      "bad-format",
      /token_type": expected 266 values, found 1/,
    ],
    [
      "types that are floats",
      BYTES,
      "token_type",
      array("float32", [1]),
      "bad-format",
      /token_type".*found an array of float32/,
    ],
    [
      "an id beyond the vocabulary",
      BYTES,
      "eos_token_id",
      { type: "uint32", value: 266 },
      "bad-format",
      /eos_token_id": expected a token id below 266, found 266/,
    ],
    ["a negative id", BYTES, "bos_token_id", { type: "int32", value: -1 }, "bad-format", /bos_token_id".*found -1/],
    [
      "an id of 64 bits",
      BYTES,
      "eot_token_id",
      { type: "uint64", value: 2n ** 60n },
      "bad-format",
      /eot_token_id".*found 1152921504606846976/,
    ],
    ["a text for an id", BYTES, "fim_pad_token_id", text("1"), "bad-format", /fim_pad_token_id".*found string/],
    [
      "a text for a flag",
      BYTES,
      "add_bos_token",
      text("true"),
      "bad-format",
      /add_bos_token": expected a bool, found string/,
    ],
    ["no scores", PIECES, "scores", undefined, "bad-format", /scores": expected an array of float32, found none/],
    ["too few scores", PIECES, "scores", array("float32", [0]), "bad-format", /scores": expected 260 values, found 1/],
    [
      "scores that are texts",
      PIECES,
      "scores",
      array("string", ["0"]),
      "bad-format",
      /scores".*found an array of string/,
    ],
    [
      "a score that is no number",
      PIECES,
      "scores",
      array("float32", new Float32Array(260).fill(NaN)),
      "bad-format",
      /scores".*NaN for token 0/,
    ],
    [
      "no token for what stands first",
      BERT,
      "pre",
      undefined,
      "bad-format",
      /bos_token_id": expected a token id, found none/,
    ],
  ],
)("%s: one line that names file and key", (_, base, key, value, code, message) => {
  const metadata: Metadata = new Map(base);
  if (value === undefined) metadata.delete(`tokenizer.ggml.${key}`);
  else metadata.set(`tokenizer.ggml.${key}`, value);
  let error: unknown;
  try {
    makeTokenizer(metadata, "dir/x.gguf");
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(QuantizeError);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  expect((error as Error).message).toMatch(/^dir\/x\.gguf: [^\n\u001b]*$/);
});

test("a file that wants a begin of text and names none is refused", () => {
  const metadata = bytePairVocabulary(0, { pre: "glm4", add_bos_token: true });
  metadata.delete("tokenizer.ggml.bos_token_id");
  expect(() => makeTokenizer(metadata, "x.gguf")).toThrow(/bos_token_id": expected a token id, found none/);
});

test("empty tokens, types that do not exist and defaults beyond the vocabulary do no harm", () => {
  const parts = { model: "gpt2", tokens: ["a", "", "b"], merges: [], token_type: [1, 99, 1] };
  const tokenizer = makeTokenizer(vocabulary(parts), "x.gguf");
  expect([tokenizer.bos, tokenizer.eos, tokenizer.endOfGeneration.size]).toEqual([undefined, undefined, 0]);
  expect(tokenizer.token(1)).toEqual({ text: "[EMPTY_1]", type: "undefined" });
  expect(tokenizer.decode([0, 1, 2])).toBe("ab");
});

test("kimi-k2 may lack merges", () => {
  const metadata = bytePairVocabulary(0, { pre: "kimi-k2" });
  metadata.delete("tokenizer.ggml.merges");
  expect(makeTokenizer(metadata, "x.gguf").vocabularySize).toBe(256);
});
