import fc from "fast-check";
import { expect, test } from "vitest";
import { PRE_TOKENIZERS } from "#dist/src/tokenizer/pre-tokenizers.js";
import { makeWordSplitter } from "#dist/src/tokenizer/split-words.js";
import { CLASS, unicodeClasses } from "#dist/src/tokenizer/unicode-classes.js";

function splitter(name: string): (text: string) => string[] {
  const split = makeWordSplitter(PRE_TOKENIZERS.get(name)!.steps);
  return (text) => {
    const words: string[] = [];
    split(text, (word) => words.push(word));
    return words;
  };
}

test.each([
  [
    "gpt-2",
    "I'll  pay 1234€, don't WE'LL\n\n",
    ["I", "'ll", " ", " pay", " 1234", "€,", " don", "'t", " WE", "'", "LL", "\n\n"],
  ],
  ["llama-bpe", "I'LL pay\t12345 €!\n\n x", ["I", "'LL", " pay", "\t", "123", "45", " €!\n\n", " x"]],
  ["qwen2", "a 123", ["a", " ", "1", "2", "3"]],
  ["qwen35", "क्षa e\u0301x", ["क्षa", " e\u0301x"]],
  ["gpt-4o", "camelCase HTMLPage's a/b//", ["camel", "Case", " HTMLPage's", " a", "/b", "//"]],
  ["tekken", "HTMLpage1", ["HTMLpage", "1"]],
  ["deepseek-v3", "ab中文cd 1234 x-y", ["ab", "中文", "cd", " ", "123", "4", " x", "-y"]],
  ["kimi-k2", "ab中文cd's", ["ab", "中文", "cd's"]],
  ["afmoe", "x 1234567", ["x", " ", "1", "234", "567"]],
  ["superbpe", "in 1234567", ["in ", "1", "234", "567"]],
  ["falcon", "a+b 12345", ["a", "+", "b", " ", "123", "45"]],
  ["starcoder", "ab 123", ["ab", " ", "1", "2", "3"]],
  ["deepseek-llm", "Ünder 𐐀𐐨中 12  ", ["Ü", "nder", " 𐐀𐐨", "中", " ", "12", "  "]],
  ["bloom", " a,b (c)", [" a", ",", "b", " (", "c", ")"]],
  ["exaone-moe", "a b c1", ["a b c", "1"]],
  ["gemma4", "a b\n\n\nc", ["a b", "\n\n\n", "c"]],
  ["jais-2", "a       b", ["a", "    ", "  ", " b"]],
] as const)("%s cuts as llama.cpp does", (name, text, words) => {
  expect(splitter(name)(text)).toEqual(words);
});

test("characters beyond the basic plane are one character", () => {
  expect(splitter("llama-bpe")("𝟎𝟏𝟐𝟑 𝐀𝐁 😀😀a")).toEqual(["𝟎𝟏𝟐", "𝟑", " 𝐀𝐁", " 😀😀", "a"]);
});

test.each([...PRE_TOKENIZERS.keys()])("%s: the words put together are the text", (name) => {
  const split = splitter(name);
  const unit = fc.oneof(
    fc.constantFrom(
      " ",
      "\n",
      "\r",
      "\t",
      "'",
      "s",
      "L",
      "a",
      "A",
      "1",
      "é",
      "中",
      "\u0301",
      "😀",
      "\u3000",
      "-",
      "IMGIMG",
    ),
    fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
  );
  fc.assert(
    fc.property(fc.array(unit), (units) => {
      const words = split(units.join(""));
      expect(words.join("")).toBe(units.join(""));
      expect(words).not.toContain("");
    }),
    { numRuns: 20 },
  );
});

test("the class of every character that this engine knows is the engine's", () => {
  const classes = unicodeClasses();
  const properties = [
    [/\p{N}/u, [CLASS.number]],
    [/\p{L}/u, [CLASS.letter, CLASS.han]],
    [/\p{M}/u, [CLASS.mark]],
    [/\p{P}/u, [CLASS.punctuation]],
    [/\p{S}/u, [CLASS.symbol]],
    [/\p{White_Space}/u, [CLASS.space]],
    [/\p{C}/u, [CLASS.control, CLASS.unassigned, CLASS.hanUnassigned]],
  ] as const;
  const later: number[] = [];
  for (let code = 0; code < 0x110000; code++) {
    const character = String.fromCodePoint(code);
    const kind: number = classes[code]!;
    const isKnown = kind !== CLASS.unassigned && kind !== CLASS.hanUnassigned;
    // White space first: line ends are control characters, too.
    const isSpace = /\p{White_Space}/u.test(character);
    const matching = properties.find(([property]) =>
      isSpace ? property.source.includes("White") : property.test(character),
    )!;
    if ((matching[1] as readonly number[]).includes(kind)) continue;
    // What Unicode has got since 15.1, or an old engine lacks.
    if (!isKnown || /\p{Cn}/u.test(character)) later.push(code);
    else expect.fail(`U+${code.toString(16)} has class ${kind}`);
  }
  expect(later.every((code) => code > 0x377)).toBe(true);
});
