/** The ids of words that have been encoded before: most words of a text come again. */

/** Longer words are rare and seldom come again. */
const MAX_LENGTH = 48;
/** Words that are kept: 10 MB or so. When there are more, all are forgotten. */
const MAX_WORDS = 2 ** 16;

/** `encode` with a memory. It appends the ids of a word to a list. */
export function makeWordCache(encode: (word: string, out: number[]) => void): (word: string, out: number[]) => void {
  const cache = new Map<string, readonly number[]>();
  return (word, out) => {
    if (word.length > MAX_LENGTH) {
      encode(word, out);
      return;
    }
    let ids = cache.get(word);
    if (ids === undefined) {
      const found: number[] = [];
      encode(word, found);
      if (cache.size >= MAX_WORDS) cache.clear();
      // A copy: a slice would keep the whole text alive.
      cache.set(Buffer.from(word, "utf16le").toString("utf16le"), (ids = found));
    }
    for (let i = 0; i < ids.length; i++) out.push(ids[i]!);
  };
}
