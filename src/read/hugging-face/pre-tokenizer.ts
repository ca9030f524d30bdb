/**
 * Which of llama.cpp's pre-tokenizers cuts text as a `tokenizer.json` says.
 *
 * llama.cpp knows the ways to cut text by name only (`tokenizer.ggml.pre`); its converter finds the name by encoding a
 * test text and looking the ids' hash up in a list of known models. We compare the description itself: the steps of
 * `pre_tokenizer`, in order. That recognizes models nobody has listed, as long as they cut text in a known way.
 */
import { isJsonObject, type JsonObject } from "../json-text.ts";

/** What follows a contraction, a word, a number, punctuation, line ends, spaces: the pattern of Llama 3. */
const LLAMA3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
/** The same with single digits. */
const QWEN2 = LLAMA3.replace("{1,3}", "");
const TEKKEN =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const GPT4O =
  "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Steps as `stepsOf` writes them, and the name they have in llama.cpp. */
const KNOWN: readonly (readonly [steps: readonly string[], name: string])[] = [
  [["bytes by words"], "gpt-2"],
  [["single digits", "bytes by words"], "smollm"],
  [[`split ${LLAMA3}`, "bytes"], "llama-bpe"],
  [[`split ${QWEN2}`, "bytes"], "qwen2"],
  [[`split ${TEKKEN}`, "bytes"], "tekken"],
  [[`split ${GPT4O}`, "bytes"], "gpt-4o"],
];

/** The name for `tokenizer.ggml.pre`, or undefined when no step list matches. */
export function preTokenizerName(tokenizer: JsonObject): string | undefined {
  const steps = stepsOf(tokenizer["pre_tokenizer"]);
  const name = KNOWN.find(([known]) => known.join("\n") === steps.join("\n"))?.[1];
  if (name !== "llama-bpe") return name;
  // llama.cpp's "llama-bpe" takes words that are tokens as they are. Models that say they merge all the same are cut
  // equally under another name.
  const { model } = tokenizer;
  return isJsonObject(model) && model["ignore_merges"] === true ? name : "smaug-bpe";
}

function stepsOf(value: unknown): string[] {
  if (!isJsonObject(value)) return [];
  switch (value["type"]) {
    case "Sequence":
      return Array.isArray(value["pretokenizers"]) ? value["pretokenizers"].flatMap(stepsOf) : ["unknown"];
    case "ByteLevel":
      if (value["add_prefix_space"] === true) return ["unknown"];
      return [value["use_regex"] === false ? "bytes" : "bytes by words"];
    case "Digits":
      return [value["individual_digits"] === true ? "single digits" : "digits"];
    case "Split": {
      const { pattern, behavior, invert } = value;
      const regex = isJsonObject(pattern) ? pattern["Regex"] : undefined;
      const isPlain = typeof regex === "string" && behavior === "Isolated" && invert !== true;
      // Removing what does not match an inverted pattern comes to the same as isolating what does.
      const isInverted = typeof regex === "string" && behavior === "Removed" && invert === true;
      return [isPlain || isInverted ? `split ${regex}` : "unknown"];
    }
    default:
      return ["unknown"];
  }
}
