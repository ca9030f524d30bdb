/**
 * The tokenizer of folders from before `tokenizer.json`: `vocab.json` with `merges.txt`, or `vocab.txt`, and a class
 * name that says how text is cut. What they say, in the form of a `tokenizer.json`.
 */
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import { QWEN2 } from "./pre-tokenizers.ts";

/** The files that hold the vocabulary. */
export type SlowVocabulary =
  | { readonly kind: "pairs"; readonly vocabulary: JsonObject; readonly merges: readonly string[] }
  | { readonly kind: "words"; readonly words: readonly string[] };

const BYTES_BY_WORDS = { type: "ByteLevel", add_prefix_space: false, use_regex: true };

/** How the classes cut text; a class that is not here cuts in a way we do not know. */
const CUTS: Readonly<Record<string, JsonObject>> = {
  ...Object.fromEntries(
    ["GPT2Tokenizer", "RobertaTokenizer", "CodeGenTokenizer", "BartTokenizer", "LongformerTokenizer"].map(
      (name): [string, JsonObject] => [name, BYTES_BY_WORDS],
    ),
  ),
  Qwen2Tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex: QWEN2 }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, use_regex: false },
    ],
  },
};

/** Builds the object that a `tokenizer.json` would hold. */
export function slowTokenizer(
  vocabulary: SlowVocabulary,
  files: { readonly tokenizerConfig: JsonObject; readonly addedTokens: JsonObject },
): JsonObject {
  const { tokenizerConfig: config } = files;
  const added_tokens = addedTokensOf(files);
  if (vocabulary.kind === "words") {
    const lowercase = config["do_lower_case"] !== false;
    const strip_accents = config["strip_accents"] ?? null;
    const vocab = Object.fromEntries(vocabulary.words.map((word, id) => [word, id]));
    return {
      ...{ model: { type: "WordPiece", vocab }, added_tokens },
      normalizer: { type: "BertNormalizer", lowercase, strip_accents },
    };
  }
  const className = String(config["tokenizer_class"] ?? "GPT2Tokenizer").replace(/Fast$/, "");
  // The first line of merges.txt says its version.
  const merges = vocabulary.merges.filter((line, index) => line !== "" && !(index === 0 && line.startsWith("#")));
  return {
    ...{ model: { type: "BPE", vocab: vocabulary.vocabulary, merges }, added_tokens, decoder: { type: "ByteLevel" } },
    pre_tokenizer: CUTS[className] ?? { type: `tokenizer_class ${className}` },
    ...(className === "RobertaTokenizer" ? { post_processor: { type: "RobertaProcessing" } } : {}),
  };
}

/** Added tokens of `added_tokens.json`, and over them those that `tokenizer_config.json` describes. */
function addedTokensOf({ tokenizerConfig, addedTokens }: Parameters<typeof slowTokenizer>[1]): JsonObject[] {
  const tokens = new Map<unknown, JsonObject>(
    Object.entries(addedTokens).map(([content, id]) => [id, { id, content, special: false }]),
  );
  const decoder = tokenizerConfig["added_tokens_decoder"];
  for (const [id, token] of Object.entries(isJsonObject(decoder) ? decoder : {})) {
    if (isJsonObject(token)) tokens.set(Number(id), { ...token, id: Number(id) });
  }
  return [...tokens.values()];
}
