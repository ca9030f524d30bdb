/**
 * Vocabularies of SentencePiece's kind know no words: a text is merged as a whole. But a token that holds the sign for a
 * space holds it as its first character, with few exceptions. Where no token could reach across the place before a
 * space, the text may be cut there and gives the same ids, with words that come again and fit into a cache.
 */

const SPACE = "▁";

/**
 * A function that cuts text, spaces written as U+2581, and hands out the parts in order.
 * @param texts all that merging can make
 */
export function makeSegmenter(texts: readonly string[]): (text: string, part: (part: string) => void) => void {
  /** Last UTF-16 units before a space inside a token. */
  const before = new Set<number>();
  for (const text of texts) {
    for (let at = text.indexOf(SPACE, 1); at >= 0; at = text.indexOf(SPACE, at + 1))
      before.add(text.charCodeAt(at - 1));
  }
  return (text, part) => {
    let start = 0;
    for (let at = text.indexOf(SPACE, 1); at >= 0; at = text.indexOf(SPACE, at + 1)) {
      if (before.has(text.charCodeAt(at - 1))) continue;
      part(text.slice(start, at));
      start = at;
    }
    if (start < text.length) part(text.slice(start));
  };
}
