/**
 * How text is cut into words before byte pairs are merged: what each name of `tokenizer.ggml.pre` means in llama.cpp
 * (src/llama-vocab.cpp and src/unicode.cpp, release v0.5.0).
 *
 * A way of cutting is a list of steps. Each step cuts the pieces that the step before has left: what its pattern
 * matches becomes a piece, and so does what lies between two matches. Patterns see one character per code point and
 * are llama.cpp's, not the ones a model was trained with, where the two differ: it takes `\p{Lu}`, `\p{Lo}`, ... for
 * `\p{L}`, and every letter beyond ASCII (here `\p{NonAsciiL}`) for upper and lower case alike. `\p{Han}` are its
 * ranges of Han, `\p{NotHan}` all other letters.
 */
import { CLASS } from "./unicode-classes.ts";

/** A pattern, or a function that returns where the pieces of a piece (given as classes) end, its own end included. */
export type CuttingStep = string | ((classes: string) => number[]);

export interface PreTokenizer {
  readonly steps: readonly CuttingStep[];
  /** A word that is a token stays one, whatever the merges would make of it. */
  readonly ignoresMerges?: true;
  /** The text begins with the token for it unless the file says otherwise. */
  readonly addsBos?: true;
  /** The same, whatever the file says: there are files of Gemma 4 that are wrong. */
  readonly needsBos?: true;
  /** There is no token for the begin of text unless the file names one. */
  readonly hasNoBos?: true;
  /** Symbols are characters; others write each byte as a character. */
  readonly isRaw?: true;
  /** Spaces are written as U+2581 first. */
  readonly escapesSpaces?: true;
  /** Line ends that are a token together stay one. */
  readonly keepsLineEnds?: true;
  /** A vocabulary without merges is none to complain about. */
  readonly mayLackMerges?: true;
}

const GPT2 = String.raw`'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`;

const CONTRACTION = "(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])";
const WORD = String.raw`[^\r\n\p{L}\p{N}]?\p{L}+`;
const PUNCTUATION = String.raw` ?[^\s\p{L}\p{N}]+[\r\n]*`;
const PATHS = String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]*`;
const LINE_ENDS = String.raw`\s*[\r\n]+`;
const SPACES = String.raw`\s+(?!\S)|\s+`;

const either = (...patterns: string[]): string => patterns.join("|");

const LLAMA3 = either(CONTRACTION, WORD, String.raw`\p{N}{1,3}`, PUNCTUATION, LINE_ENDS, SPACES);
const QWEN2 = either(CONTRACTION, WORD, String.raw`\p{N}`, PUNCTUATION, LINE_ENDS, SPACES);

/** Words of which a letter in upper case begins a new one: first those with a lower case end, then the others. */
function casedWords(upper: string, lower: string, suffix: string): string {
  const lead = String.raw`[^\r\n\p{L}\p{N}]?`;
  return either(`${lead}${upper}*${lower}+${suffix}`, `${lead}${upper}+${lower}*${suffix}`);
}
const UPPER = String.raw`[A-Z\p{NonAsciiL}]`;
const LOWER = String.raw`[a-z\p{NonAsciiL}]`;
const LETTER_OR_MARK = String.raw`[\p{L}\p{M}]`;

const GPT4O = either(casedWords(UPPER, LOWER, `${CONTRACTION}?`), String.raw`\p{N}{1,3}`, PATHS, LINE_ENDS, SPACES);

/** Chinese, Japanese kana: a word of their own. */
const CJK = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
const ASCII_PUNCTUATION_WORD = "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+";
const MARKED_WORD = String.raw`[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+`;
const DEEPSEEK3 = [
  String.raw`\p{N}{1,3}`,
  CJK,
  either(ASCII_PUNCTUATION_WORD, MARKED_WORD, String.raw` ?[\p{P}\p{S}]+[\r\n]*`, LINE_ENDS, SPACES),
];

/** Characters that end a sentence in many scripts stand alone, the rest goes by spaces. */
const BLOOM = String.raw` ?[^(\s|.,!?` + "\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+";

/**
 * Letters with a case, of the basic plane; those beyond it (Deseret, Osage, Old Hungarian, Warang Citi, Adlam) arrive
 * here as U+D801.
 */
const CASED_LETTERS =
  "A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373" +
  "\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f" +
  "\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77" +
  "\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d" +
  "\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4" +
  "\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139" +
  "\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d" +
  "\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a" +
  "\uff41-\uff5a\ud801";
const HAN_AND_SYLLABLES = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";

/** Kana, Thai, Lao, Khmer, Myanmar, Hangul and Han; without surrogates, which stand for something else here. */
const ASIAN =
  "[\u4e00-\u9fff\u3400-\u4dbf\u8c48-\ud7ff\ue000-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f\u2f00-\u2fdf\u0e40-\u0e7f" +
  "\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+";

const NUMBERS = new RegExp(`[0-9\\x${CLASS.number.toString(16)}]+`, "g");

/**
 * Groups of three digits from the right, as people read them. What stands before a number stays with its first group,
 * as in llama.cpp: later steps cut it off, but it hides the number from those that look ahead.
 */
function digitsByThousands(classes: string): number[] {
  const ends: number[] = [];
  for (const { index, 0: digits } of classes.matchAll(NUMBERS)) {
    for (let end = index + (digits.length % 3 || 3); end <= index + digits.length; end += 3) ends.push(end);
  }
  if (ends.at(-1) !== classes.length) ends.push(classes.length);
  return ends;
}

/** Cuts before every group of three ASCII digits, counted from the right. */
function cutsBeforeThousands(classes: string): number[] {
  const ends: number[] = [];
  for (const { index, 0: digits } of classes.matchAll(/[0-9]+/g)) {
    for (let end = index + (digits.length % 3); end < index + digits.length; end += 3) if (end > 0) ends.push(end);
  }
  ends.push(classes.length);
  return ends;
}

const LINES = String.raw`[^\n]+|\n+`;

const WAYS: readonly (readonly [names: string, way: PreTokenizer])[] = [
  ["default", { steps: [String.raw`[\p{P}$+<=>^~|]+`, GPT2, String.raw`\p{N}+`, "[0-9][0-9][0-9]"] }],
  [
    "gpt-2 phi-2 jina-es jina-de gigachat jina-v2-es jina-v2-de a.x-4.0 mellum modern-bert mpt olmo jais trillion " +
      "granite-docling exaone4 jina-v1-en jina-v2-code roberta-bpe",
    { steps: [GPT2] },
  ],
  [
    "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
    { steps: [LLAMA3], ignoresMerges: true, addsBos: true },
  ],
  ["dbrx smaug-bpe", { steps: [LLAMA3] }],
  ["glm4 chatglm-bpe", { steps: [LLAMA3], hasNoBos: true }],
  [
    "jais-2",
    {
      steps: [
        either(
          CONTRACTION,
          WORD,
          String.raw`\p{N}{1,3}`,
          PUNCTUATION,
          LINE_ENDS,
          ...[512, 256, 128, 64, 32, 16, 8, 4].map((n) => String.raw`\s{${n}}(?!\S)`),
          String.raw`\s{1,2}(?!\S)|\s`,
        ),
      ],
    },
  ],
  ["qwen2 deepseek-r1-qwen kormo f2llmv2 megrez stablelm2 hunyuan solar-open grok-2", { steps: [QWEN2] }],
  [
    "qwen35",
    {
      steps: [
        either(
          CONTRACTION,
          String.raw`[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+`,
          String.raw`\p{N}`,
          String.raw` ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*`,
          LINE_ENDS,
          SPACES,
        ),
      ],
    },
  ],
  ["ufakzeka", { steps: [either(WORD, String.raw`\p{N}`, PUNCTUATION, LINE_ENDS, SPACES)] }],
  [
    "seed-coder",
    { steps: [either(CONTRACTION, WORD, String.raw`\p{N}`, String.raw` ?[^\s\p{L}\p{N}\r\n]+`, LINE_ENDS, SPACES)] },
  ],
  [
    "bailingmoe bailingmoe2 llada-moe",
    { steps: [either(CONTRACTION, WORD, String.raw`\p{N}`, PUNCTUATION, String.raw`\s*[\r\n]`, SPACES)] },
  ],
  ["laguna", { steps: [LINES, QWEN2] }],
  [
    "minicpm5",
    {
      steps: [String.raw`\p{N}{1,3}`, either(CONTRACTION, WORD, String.raw`\p{N}+`, PUNCTUATION, LINE_ENDS, SPACES)],
      ignoresMerges: true,
    },
  ],
  [
    // Letters and single spaces between them.
    "exaone-moe",
    {
      steps: [
        either(
          CONTRACTION,
          String.raw`[^\r\n\p{L}\p{N}]?\p{L}[\p{L}\p{M}]*(?: \p{L}[\p{L}\p{M}]*)*`,
          String.raw`\p{N}`,
          String.raw` ?[^\s\p{L}\p{N}]+[\r\n/]?`,
          String.raw`\s*[\r\n]`,
          SPACES,
        ),
      ],
    },
  ],
  ["gpt-4o llama4 kanana2 talkie minimax-m2", { steps: [GPT4O] }],
  [
    "tekken",
    {
      steps: [either(casedWords(UPPER, LOWER, ""), String.raw`\p{N}`, PATHS, LINE_ENDS, SPACES)],
      ignoresMerges: true,
      addsBos: true,
    },
  ],
  [
    "granite-embed-multi-97m",
    {
      steps: [
        either(
          casedWords(String.raw`[A-Z\p{NonAsciiL}\p{M}]`, String.raw`[a-z\p{NonAsciiL}\p{M}]`, `${CONTRACTION}?`),
          String.raw`\p{N}{1,3}`,
          PATHS,
          LINE_ENDS,
          SPACES,
        ),
      ],
      ignoresMerges: true,
    },
  ],
  [
    "tiny_aya cohere2moe",
    {
      steps: [
        digitsByThousands,
        either(
          casedWords(LETTER_OR_MARK, LETTER_OR_MARK, `${CONTRACTION}?`),
          String.raw`\p{N}{1,3}`,
          PATHS,
          LINE_ENDS,
          SPACES,
        ),
      ],
    },
  ],
  [
    "youtu",
    {
      steps: [
        either(
          "[\uac00-\ud7a3\u3131-\u318e]+",
          "[\uff01\u2026\u201c\u201d\u2018\u2019\u2014\uff1a\uff1b\uff0c\u3001-\u303f\ufe30-\ufe4f]+",
          "[\u3105-\u312f]+",
          CJK,
        ),
        either(
          casedWords(LETTER_OR_MARK, LETTER_OR_MARK, `${CONTRACTION}?`),
          String.raw`\p{N}`,
          PATHS,
          LINE_ENDS,
          SPACES,
        ),
      ],
      ignoresMerges: true,
    },
  ],
  [
    // Han apart from all other letters.
    "kimi-k2",
    {
      steps: [
        either(
          String.raw`\p{Han}+`,
          String.raw`[^\r\n\p{L}\p{N}\p{Han}]?\p{NotHan}+${CONTRACTION}?`,
          String.raw`\p{N}{1,3}`,
          PUNCTUATION,
          LINE_ENDS,
          SPACES,
        ),
      ],
      mayLackMerges: true,
    },
  ],
  ["deepseek-v3 hunyuan-dense joyai-llm hy_v4", { steps: DEEPSEEK3 }],
  [
    "spark2_5",
    {
      steps: [
        String.raw`\p{N}{1,3}`,
        CJK,
        either(ASCII_PUNCTUATION_WORD, MARKED_WORD, String.raw` ?[\p{P}\p{S}]+`, String.raw`[\r\n]`, SPACES),
        String.raw`\p{N}`,
      ],
    },
  ],
  [
    "afmoe",
    {
      steps: [
        digitsByThousands,
        ASIAN,
        either(ASCII_PUNCTUATION_WORD, MARKED_WORD, String.raw` ?[\p{P}\p{S}]+[\r\n]*`, LINE_ENDS, SPACES),
      ],
    },
  ],
  [
    "deepseek-llm",
    {
      steps: [
        String.raw`[\r\n]`,
        String.raw`\s?[${CASED_LETTERS}]+`,
        String.raw`\s?[!-/:-~` + "\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+",
        // Trailing space; the look behind only spares the search from trying every place of a long run.
        String.raw`(?<!\s)\s+$`,
        HAN_AND_SYLLABLES,
        String.raw`\p{N}+`,
      ],
    },
  ],
  [
    "deepseek-coder",
    { steps: [String.raw`[\r\n]`, String.raw`\s?\p{L}+`, String.raw`\s?\p{P}+`, HAN_AND_SYLLABLES, String.raw`\p{N}`] },
  ],
  ["falcon", { steps: ["[\\p{P}$+<=>^~|`]+", GPT2, "[0-9][0-9][0-9]"] }],
  ["starcoder refact command-r smollm codeshell exaone minerva-7b mellum2", { steps: [String.raw`\p{N}`, GPT2] }],
  [
    "chameleon",
    {
      steps: [
        "<sentinel:[0-9]+>",
        "IMGIMG[A-I]{1,4}Z",
        String.raw`[\t\n]|    |  `,
        String.raw`\p{N}`,
        "[\\p{P}!-/:-@\\[-`{-~]",
        GPT2,
      ],
      addsBos: true,
    },
  ],
  ["poro-chat bloom gpt3-finnish", { steps: [BLOOM] }],
  ["viking", { steps: [BLOOM, String.raw`\p{N}`] }],
  ["superbpe", { steps: [String.raw`\p{N}+`, cutsBeforeThousands] }],
  [
    "gemma4 granite-embed-multi-311m",
    { steps: [LINES], isRaw: true, escapesSpaces: true, keepsLineEnds: true, needsBos: true },
  ],
  ["sarvam-moe", { steps: [LINES], isRaw: true, escapesSpaces: true }],
  ["whitespace", { steps: [String.raw`\S+`], isRaw: true }],
];

/** Every name that `tokenizer.ggml.pre` may have, and what it means. */
export const PRE_TOKENIZERS: ReadonlyMap<string, PreTokenizer> = new Map(
  WAYS.flatMap(([names, way]) => names.split(" ").map((name) => [name, way] as const)),
);
