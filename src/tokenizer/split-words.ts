/**
 * Cuts text into words, as llama.cpp's `unicode_regex_split` does: regular expressions on a string that has one
 * character per code point. ASCII stands as it is; of everything else a pattern sees the class (`unicode-classes.ts`).
 * Patterns that name other characters run on the text itself, where spaces beyond ASCII are vertical tabs.
 */
import type { CuttingStep } from "./pre-tokenizers.ts";
import { CLASS, unicodeClasses } from "./unicode-classes.ts";

const escaped = (...classes: number[]): string => classes.map((code) => `\\x${code.toString(16)}`).join("");

/** What `\p{...}` means in a string of classes. */
const PROPERTIES: Readonly<Record<string, string>> = {
  N: `0-9${escaped(CLASS.number)}`,
  L: `A-Za-z${escaped(CLASS.letter, CLASS.han)}`,
  NonAsciiL: escaped(CLASS.letter, CLASS.han),
  NotHan: `A-Za-z${escaped(CLASS.letter)}`,
  Han: escaped(CLASS.han, CLASS.hanUnassigned),
  P: String.raw`!-#%-*,\-./:;?@\[\\\]_{}` + escaped(CLASS.punctuation),
  M: escaped(CLASS.mark),
  S: "$+<=>\\^`|~" + escaped(CLASS.symbol),
};

/** `\s` of C++: JavaScript's would match the byte order mark, too. */
const SPACE = String.raw`\t-\r `;

/** A pattern of `pre-tokenizers.ts` as an expression on classes. */
function compile(pattern: string): RegExp {
  let isInClass = false;
  const source = pattern.replace(/\\p\{(\w+)\}|\\[^]|[[\]]/g, (part, property: string | undefined) => {
    if (part === "[" || part === "]") isInClass = part === "[";
    if (part === "\\S") return `[^${SPACE}]`;
    const members = property !== undefined ? PROPERTIES[property]! : part === "\\s" ? SPACE : undefined;
    return members === undefined ? part : isInClass ? members : `[${members}]`;
  });
  return new RegExp(source, "g");
}

const NOT_ASCII = /[^\0-\x7f]/;
/** `White_Space` beyond ASCII. */
const WIDE_SPACE = /[\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/g;

/** Letters with a case beyond the basic plane, first and last: see CASED_LETTERS in `pre-tokenizers.ts`. */
const ASTRAL_CASED = [
  [0x10400, 0x1044f],
  [0x104b0, 0x104d3],
  [0x104d8, 0x104fb],
  [0x10c80, 0x10cb2],
  [0x10cc0, 0x10cf2],
  [0x118a0, 0x118df],
  [0x1e900, 0x1e943],
] as const;

/** The text as a string of classes, one character per code point. */
function classesOf(text: string): string {
  const table = unicodeClasses();
  const classes = Buffer.alloc(text.length);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    if (unit < 0x80) classes[count++] = unit;
    else {
      const code = text.codePointAt(i)!;
      if (code > 0xffff) i++;
      classes[count++] = table[code]!;
    }
  }
  return classes.toString("latin1", 0, count);
}

/** The text with one character per code point: U+D801 for a cased letter beyond the basic plane, else U+D800. */
function plainOf(text: string): string {
  const spaced = text.replace(WIDE_SPACE, "\v");
  return spaced.replace(/[\ud800-\udbff][\udc00-\udfff]/g, (pair) => {
    const code = pair.codePointAt(0)!;
    return ASTRAL_CASED.some(([first, last]) => code >= first && code <= last) ? "\ud801" : "\ud800";
  });
}

/** Ends of the pieces that a pattern makes of pieces; both are positions in `text`. */
function cut(text: string, ends: readonly number[], pattern: RegExp): number[] {
  const found: number[] = [];
  let start = 0;
  for (const end of ends) {
    // A piece is a string of its own: what looks ahead must not see the next.
    const piece = text.slice(start, end);
    let at = 0;
    pattern.lastIndex = 0;
    for (let match = pattern.exec(piece); match !== null; match = pattern.exec(piece)) {
      if (match.index > at) found.push(start + match.index);
      at = pattern.lastIndex;
      found.push(start + at);
    }
    if (at < piece.length) found.push(end);
    start = end;
  }
  return found;
}

/** Ends of the pieces that a function makes of pieces. */
function cutBy(text: string, ends: readonly number[], step: (classes: string) => number[]): number[] {
  let start = 0;
  return ends.flatMap((end) => {
    const offset = start;
    start = end;
    return step(text.slice(offset, end)).map((inner) => offset + inner);
  });
}

/**
 * A function that cuts text by these steps and hands out the words in order. The text has no lone surrogates; the words
 * put together are the text.
 */
export function makeWordSplitter(steps: readonly CuttingStep[]): (text: string, word: (word: string) => void) => void {
  const compiled = steps.map((step) =>
    typeof step === "string" ? { pattern: compile(step), readsText: NOT_ASCII.test(step) } : { step, readsText: false },
  );
  return (text, word) => {
    const isAscii = !NOT_ASCII.test(text);
    const classes = isAscii ? text : classesOf(text);
    let plain: string | undefined;
    let ends: number[] = [classes.length];
    for (const { pattern, step, readsText } of compiled) {
      const input = readsText && !isAscii ? (plain ??= plainOf(text)) : classes;
      ends = pattern !== undefined ? cut(input, ends, pattern) : cutBy(input, ends, step);
    }
    if (classes.length === text.length) {
      let start = 0;
      for (const end of ends) {
        word(text.slice(start, end));
        start = end;
      }
      return;
    }
    // Positions count code points; those beyond the basic plane take two units.
    let position = 0;
    let unit = 0;
    for (const end of ends) {
      const start = unit;
      for (; position < end; position++) unit += (text.charCodeAt(unit) & 0xfc00) === 0xd800 ? 2 : 1;
      word(text.slice(start, unit));
    }
  };
}
