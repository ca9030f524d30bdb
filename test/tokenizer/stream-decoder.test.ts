import fc from "fast-check";
import { expect, test } from "vitest";
import { makeTokenizer } from "#dist/src/tokenizer/make-tokenizer.js";
import { bytePairVocabulary, sentencePieceVocabulary } from "../support/vocabularies.ts";

const bytes = makeTokenizer(bytePairVocabulary(1000), "x.gguf");
const pieces = makeTokenizer(sentencePieceVocabulary(["▁a", "▁", "b", "😀"]), "x.gguf");
const PLAIN = { addSpecial: false, parseSpecial: false } as const;

test("a character of several tokens comes out with the last of them", () => {
  const decoder = pieces.decoder();
  // é and 中 as bytes, between characters that are tokens.
  const ids = pieces.encode("bé中😀", PLAIN);
  expect(Array.from(ids, (id) => decoder.push(id))).toEqual(["", "b", "", "é", "", "", "中", "😀"]);
  expect(decoder.end()).toBe("");
});

test("a character that is cut off is a replacement character at the end", () => {
  const decoder = pieces.decoder();
  const [first, second] = pieces.encode("中", PLAIN).slice(1);
  expect([decoder.push(first!), decoder.push(second!), decoder.end()]).toEqual(["", "", "\ufffd"]);
});

test("bytes that are not UTF-8 are replacement characters, and what follows is not lost", () => {
  const id = (byte: number) => 3 + byte;
  expect(pieces.decode([id(0xff), id(0x41), id(0xe4), id(0x42)])).toBe("\ufffdA\ufffdB");
});

test("token by token gives what all at once gives", () => {
  const ids = (size: number) => fc.array(fc.nat(size - 1), { maxLength: 40 });
  for (const tokenizer of [bytes, pieces]) {
    fc.assert(
      fc.property(ids(tokenizer.vocabularySize), fc.boolean(), fc.boolean(), (list, special, continues) => {
        const decoder = tokenizer.decoder({ special, continues });
        const parts = list.map((id) => decoder.push(id));
        expect(parts.join("") + decoder.end()).toBe(tokenizer.decode(list, { special, continues }));
      }),
    );
  }
});

test.each([-1, 1256, 0.5, NaN])("id %d is refused: the vocabulary does not have it", (id) => {
  expect(() => bytes.decode([id])).toThrow(/^x\.gguf: token id .*the vocabulary has 1256 tokens/);
  expect(() => bytes.token(id)).toThrow(/the vocabulary has 1256 tokens/);
});
