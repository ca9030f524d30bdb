/**
 * Strings from files, made safe to print: a model's metadata may hold terminal escape sequences, line breaks or a
 * megabyte of text.
 */

// C0 and C1 controls, line and paragraph separators, bidirectional overrides.
const UNPRINTABLE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/g;

/** Control characters as JSON would write them: an escape sequence becomes `\u001b[31m`, which is only text. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, (char) => {
    const short = { "\n": "\\n", "\r": "\\r", "\t": "\\t" }[char];
    return short ?? `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** Cuts at the end: `a long descri…`. */
export function truncateEnd(text: string, width: number): string {
  const chars = [...text];
  return chars.length <= width ? text : `${chars.slice(0, Math.max(0, width - 1)).join("")}…`;
}

/** Cuts in the middle, because the ends of tensor names tell them apart: `blk.10.ffn…exps.weight`. */
export function truncateMiddle(text: string, width: number): string {
  const chars = [...text];
  if (chars.length <= width) return text;
  const kept = Math.max(0, width - 1);
  const tail = Math.ceil(kept / 2);
  return `${chars.slice(0, kept - tail).join("")}…${tail > 0 ? chars.slice(-tail).join("") : ""}`;
}
