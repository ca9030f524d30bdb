/**
 * The ways to cut text that llama.cpp knows, by the steps that a `tokenizer.json` describes them with.
 *
 * Patterns are those of the models' own files; llama.cpp has them in `llm_tokenizer_bpe` (src/llama-vocab.cpp), mostly
 * rewritten for its own engine. Names that come to the same cut (`qwen2` and `stablelm2`) stand here once.
 */

/** What follows a contraction, a word, a number, punctuation, line ends, spaces: the pattern of Llama 3. */
const LLAMA3 = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
/** The same with single digits. */
export const QWEN2 = LLAMA3.replace("{1,3}", "");
/** Words by their case: of capitals, then of small letters. */
const TEKKEN = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
const GPT4O = String.raw`[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
/** DeepSeek V3: punctuation glued to a word, words with their marks, signs. */
const DEEPSEEK_V3 = String.raw`[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_${"`"}{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`;
/** Letters that have a case, as DeepSeek LLM lists them. */
const CASED =
  "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";
const HAN_AND_KANA = "[一-龥぀-ゟ゠-ヿ]+";
const HAN_AND_HANGUL = "[一-龥ࠀ-一가-퟿]+";
const BLOOM = String.raw` ?[^(\s|[.,!?…。，、।۔،])]+`;
const CASCADE = [512, 256, 128, 64, 32, 16, 8, 4].map((n) => String.raw`\s{${n}}(?!\S)`).join("|");

/** A step that isolates what matches a pattern. */
function split(pattern: string): string {
  return `split ${pattern}`;
}

/** One way to cut: its steps as `stepsOf` writes them, and the name it has in llama.cpp. */
export interface PreTokenizer {
  readonly steps: readonly string[];
  readonly name: string;
  /** The name that counts when the model merges words which are tokens as they are (`ignore_merges` not true). */
  readonly merging?: string;
  /** Where llama.cpp's cut is not quite the model's. */
  readonly differs?: string;
}

export const PRE_TOKENIZERS: readonly PreTokenizer[] = [
  { name: "gpt-2", steps: ["bytes by words"] },
  { name: "smollm", steps: ["single digits", "bytes by words"] },
  // llama.cpp's "llama-bpe" takes words that are tokens as they are, "smaug-bpe" is the same cut without that.
  { name: "llama-bpe", steps: [split(LLAMA3), "bytes"], merging: "smaug-bpe" },
  { name: "qwen2", steps: [split(QWEN2), "bytes"] },
  {
    name: "qwen35",
    steps: [
      split(QWEN2.replace("?\\p{L}+", "?[\\p{L}\\p{M}]+").replace("\\s\\p{L}\\p{N}]+", "\\s\\p{L}\\p{M}\\p{N}]+")),
      "bytes",
    ],
  },
  { name: "laguna", steps: [split(String.raw`[^\n]+|[\n]+`), split(QWEN2), "bytes"] },
  { name: "minicpm5", steps: [split(String.raw`\p{N}{1,3}`), split(LLAMA3.replace("{1,3}", "+")), "bytes"] },
  {
    name: "jais-2",
    steps: [split(LLAMA3.replace(String.raw`\s+(?!\S)|\s+`, `${CASCADE}|\\s{1,2}(?!\\S)|\\s{1}`)), "bytes"],
  },
  { name: "tekken", steps: [split(TEKKEN), "bytes"] },
  { name: "gpt-4o", steps: [split(GPT4O), "bytes"] },
  { name: "tiny_aya", steps: [split(String.raw`\d{1,3}(?=(?:\d{3})*\b)`), split(GPT4O), "bytes"] },
  { name: "deepseek-v3", steps: [split(String.raw`\p{N}{1,3}`), split(HAN_AND_KANA), split(DEEPSEEK_V3), "bytes"] },
  {
    name: "spark2_5",
    steps: [
      split(String.raw`\p{N}{1,3}`),
      split(HAN_AND_KANA),
      split(DEEPSEEK_V3.replace(String.raw`+[\r\n]*|\s*[\r\n]+`, String.raw`+|[\r\n]`)),
      "single digits",
      "bytes",
    ],
  },
  {
    name: "deepseek-llm",
    steps: [
      split(String.raw`[\r\n]`),
      split(String.raw`\s?[${CASED}]+`),
      split(String.raw`\s?[!-/:-~！-／：-～‘-‟　-。]+`),
      split(String.raw`\s+$`),
      split(HAN_AND_HANGUL),
      "single digits",
      "bytes",
    ],
  },
  {
    name: "deepseek-coder",
    steps: [
      split(String.raw`[\r\n]`),
      split(String.raw`\s?\p{L}+`),
      split(String.raw`\s?\p{P}+`),
      split(HAN_AND_HANGUL),
      "single digits",
      "bytes",
    ],
  },
  { name: "falcon", steps: ["runs of punctuation", "bytes by words", "digits", split("[0-9][0-9][0-9]")] },
  {
    name: "falcon3",
    steps: ["runs of punctuation", "bytes by words", "single digits"],
    differs:
      "llama.cpp cuts such text by the pattern of Llama 3, which gives other tokens around punctuation and digits",
  },
  {
    name: "bailingmoe",
    steps: [
      split(
        String.raw`'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+`,
      ),
      "bytes",
    ],
  },
  {
    name: "seed-coder",
    steps: [
      split(
        String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+`,
      ),
      "bytes",
    ],
  },
  {
    name: "exaone-moe",
    steps: [
      split(
        String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|\s+(?!\S)|\s+`,
      ),
      "bytes",
    ],
  },
  { name: "bloom", steps: [split(BLOOM), "bytes"] },
  { name: "viking", steps: [split(BLOOM), "single digits", "bytes"] },
];

/** Every name that llama.cpp reads under `tokenizer.ggml.pre` (`llama_vocab::impl::load`, 2026). */
export const PRE_TOKENIZER_NAMES: readonly string[] = [
  ...["default", "minicpm5", "llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"],
  ...[
    "jina-v5-nano",
    "deepseek-llm",
    "deepseek-coder",
    "deepseek-v3",
    "spark2_5",
    "youtu",
    "falcon",
    "mpt",
    "starcoder",
  ],
  ...[
    "gpt-2",
    "phi-2",
    "jina-es",
    "jina-de",
    "gigachat",
    "jina-v2-es",
    "jina-v2-de",
    "a.x-4.0",
    "mellum",
    "modern-bert",
  ],
  ...[
    "jais-2",
    "gemma4",
    "granite-embed-multi-311m",
    "sarvam-moe",
    "jina-v1-en",
    "jina-v2-code",
    "roberta-bpe",
    "whitespace",
  ],
  ...["refact", "command-r", "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "qwen35", "stablelm2", "olmo", "dbrx"],
  ...["smaug-bpe", "poro-chat", "glm4", "chatglm-bpe", "viking", "jais", "tekken", "smollm", "codeshell", "bloom"],
  ...[
    "gpt3-finnish",
    "exaone",
    "exaone4",
    "exaone-moe",
    "chameleon",
    "minerva-7b",
    "megrez",
    "gpt-4o",
    "llama4",
    "kanana2",
  ],
  ...[
    "talkie",
    "granite-embed-multi-97m",
    "tiny_aya",
    "cohere2moe",
    "superbpe",
    "trillion",
    "granite-docling",
    "bailingmoe",
  ],
  ...[
    "bailingmoe2",
    "llada-moe",
    "seed-coder",
    "hunyuan",
    "hunyuan-dense",
    "hy_v4",
    "joyai-llm",
    "kimi-k2",
    "ufakzeka",
  ],
  ...["grok-2", "afmoe", "laguna", "minimax-m2", "solar-open", "mellum2"],
];
