/**
 * Numbers for the strings that are merged: a token's is its id; parts that are no token (characters that the vocabulary
 * lacks, what some merges make) have numbers above.
 */
import type { Vocabulary } from "./vocabulary.ts";

export interface Symbols {
  /** The number of a string, a new one where it has none. */
  numberOf(text: string): number;
  textOf(symbol: number): string;
  isToken(symbol: number): boolean;
  /** All that have a number so far. */
  texts(): readonly string[];
}

export function makeSymbols({ texts, ids }: Pick<Vocabulary, "texts" | "ids">): Symbols {
  const others = new Map<string, number>();
  const otherTexts: string[] = [];
  return {
    numberOf(text) {
      const known = ids.get(text) ?? others.get(text);
      if (known !== undefined) return known;
      const symbol = texts.length + otherTexts.length;
      others.set(text, symbol);
      otherTexts.push(text);
      return symbol;
    },
    textOf: (symbol) => (symbol < texts.length ? texts[symbol]! : otherTexts[symbol - texts.length]!),
    isToken: (symbol) => symbol < texts.length,
    texts: () => [...texts, ...otherTexts],
  };
}
