/**
 * Which of llama.cpp's pre-tokenizers cuts text as a `tokenizer.json` says.
 *
 * llama.cpp knows the ways to cut text by name only (`tokenizer.ggml.pre`); its converter finds the name by encoding a
 * test text and looking the ids' hash up in a list of known models. We compare the description itself: the steps of
 * `pre_tokenizer`, in order. That recognizes models nobody has listed, as long as they cut text in a known way.
 */
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import { PRE_TOKENIZERS, type PreTokenizer } from "./pre-tokenizers.ts";

/** How a `tokenizer.json` cuts text: the known way that does the same, and its steps in words. */
export interface Cut {
  readonly known?: PreTokenizer;
  readonly steps: readonly string[];
  /** The name for `tokenizer.ggml.pre`; absent when no known way does the same. */
  readonly name?: string;
}

/** Reads the steps and looks them up. */
export function cutOf(tokenizer: JsonObject): Cut {
  const steps = stepsOf(tokenizer["pre_tokenizer"]);
  const known = PRE_TOKENIZERS.find((candidate) => candidate.steps.join("\n") === steps.join("\n"));
  if (known === undefined) return { steps };
  const { model } = tokenizer;
  const takesWholeWords = isJsonObject(model) && model["ignore_merges"] === true;
  return { known, steps, name: takesWholeWords ? known.name : (known.merging ?? known.name) };
}

/** The steps of a `pre_tokenizer`, each in a few words; what is not understood stands as it is called. */
function stepsOf(value: unknown): string[] {
  if (!isJsonObject(value)) return ["none"];
  const type = String(value["type"]);
  switch (type) {
    case "Sequence":
      return Array.isArray(value["pretokenizers"]) ? value["pretokenizers"].flatMap(stepsOf) : [type];
    case "ByteLevel":
      if (value["add_prefix_space"] === true) return ["bytes, after a space in front"];
      return [value["use_regex"] === false ? "bytes" : "bytes by words"];
    case "Digits":
      return [value["individual_digits"] === true ? "single digits" : "digits"];
    case "Punctuation":
      return [value["behavior"] === "Contiguous" ? "runs of punctuation" : `Punctuation ${String(value["behavior"])}`];
    case "Split":
      return [splitStep(value)];
    default:
      return [type];
  }
}

function splitStep({ pattern, behavior, invert }: JsonObject): string {
  const { Regex: regex, String: text } = isJsonObject(pattern) ? pattern : {};
  const isPlain = behavior === "Isolated" && invert !== true;
  // Removing what does not match an inverted pattern comes to the same as isolating what does.
  const isInverted = behavior === "Removed" && invert === true;
  if (typeof regex === "string" && (isPlain || isInverted)) return `split ${escaped(regex)}`;
  return `Split ${String(behavior)} ${String(regex ?? text)}`;
}

/**
 * One spelling of a pattern: line ends as patterns write them, whether a file has them escaped or as they are, and
 * letters that are equal by Unicode's rules as one (the signs for ohm and kelvin are letters in some files).
 */
function escaped(regex: string): string {
  return regex.replaceAll("\r", "\\r").replaceAll("\n", "\\n").normalize("NFC");
}
