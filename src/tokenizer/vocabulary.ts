/**
 * The vocabulary of a GGUF file: tokens, what kind each is, and the ids with a task. Defaults and corrections are
 * llama.cpp's (`llama_vocab::load`): some files lack a key, or call a control token a normal one.
 */
import { QuantizeError } from "../errors.ts";
import type { Metadata } from "../read/model.ts";
import { quote } from "../text/quote.ts";
import { badKey, boolOf, numbersOf, stringOf, stringsOf, tokenIdOf } from "./metadata-values.ts";
import { PRE_TOKENIZERS, type PreTokenizer } from "./pre-tokenizers.ts";
import { ATTRIBUTE, attributeOf } from "./token-attributes.ts";
import { assignRoles, type SpecialIds } from "./token-roles.ts";
import type { Tokenizer } from "./tokenizer.types.ts";

export interface Vocabulary {
  /** The file, for messages. */
  readonly where: string;
  readonly kind: Tokenizer["kind"];
  /** Text of each token, all different. */
  readonly texts: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
  /** Bits of ATTRIBUTE for each token. */
  readonly attributes: Uint8Array;
  /** Scores of `llama` and `t5` vocabularies, empty for others. */
  readonly scores: Float32Array;
  readonly special: Readonly<SpecialIds>;
  readonly endOfGeneration: ReadonlySet<number>;
  readonly addsBos: boolean;
  readonly addsEos: boolean;
  /** A text begins with a space: words at the begin and within are the same tokens. */
  readonly addsSpacePrefix: boolean;
  /** How text is cut; of `gpt2` and `gemma4` vocabularies. */
  readonly preTokenizer: PreTokenizer;
}

/** What llama.cpp takes where a file is silent. */
interface Defaults {
  readonly bos?: number;
  readonly eos?: number;
  readonly unknown?: number;
  readonly separator?: number;
  readonly addsBos?: true;
  readonly addsEos?: true;
  readonly addsSpacePrefix?: true;
}

const DEFAULTS: Readonly<Record<Tokenizer["kind"], Defaults>> = {
  gpt2: { bos: 11, eos: 11 },
  gemma4: {},
  llama: { bos: 1, eos: 2, unknown: 0, addsBos: true, addsSpacePrefix: true },
  t5: { eos: 1, unknown: 2, addsEos: true },
  bert: { bos: 101, unknown: 100, separator: 102, addsBos: true },
};

/** Vocabularies that llama.cpp reads and we do not. */
const UNSUPPORTED = ["rwkv", "plamo2", "hybriddna", "whitespace"];

/**
 * Reads the vocabulary.
 * @throws QuantizeError `unsupported` for a file without a vocabulary or with one of a kind that is not known,
 * `bad-format` for keys that are missing, of another type, or contradict each other
 */
export function readVocabulary(metadata: Metadata, where: string): Vocabulary {
  const kind = kindOf(metadata, where);
  const texts = readTexts(metadata, where);
  const ids = readIds(texts, where);
  const preTokenizer = preTokenizerOf(metadata, kind, where);
  const defaults = DEFAULTS[kind];
  const idOf = (name: string, otherwise?: number): number | undefined =>
    tokenIdOf(metadata, `tokenizer.ggml.${name}_token_id`, texts.length, where) ??
    (otherwise !== undefined && otherwise < texts.length ? otherwise : undefined);
  const special: SpecialIds = {
    bos: idOf("bos", preTokenizer.hasNoBos ? undefined : defaults.bos),
    eos: idOf("eos", defaults.eos),
    eot: idOf("eot"),
    unknown: idOf("unknown", defaults.unknown),
    // The misspelling is the format's.
    separator: idOf("seperator", defaults.separator),
  };
  const flag = (name: string, otherwise: boolean | undefined): boolean =>
    boolOf(metadata, `tokenizer.ggml.${name}`, where) ?? otherwise ?? false;
  const addsBos = flag("add_bos_token", defaults.addsBos ?? preTokenizer.addsBos) || preTokenizer.needsBos === true;
  const addsEos = flag("add_eos_token", defaults.addsEos);
  const isBert = kind === "bert";
  requireId("bos", special.bos, addsBos || isBert, where);
  requireId("eos", special.eos, addsEos, where);
  requireId("seperator", special.separator, isBert, where);

  const attributes = readAttributes(metadata, texts.length, where);
  const endOfGeneration = assignRoles({ metadata, where, ids, attributes, special });
  return {
    where,
    kind,
    texts,
    ids,
    attributes,
    scores: readScores(metadata, kind, texts.length, where),
    special,
    endOfGeneration,
    addsBos,
    addsEos,
    addsSpacePrefix: (kind === "llama" || kind === "t5") && flag("add_space_prefix", defaults.addsSpacePrefix),
    preTokenizer,
  };
}

/** An id that every text would get must be there. */
function requireId(name: string, id: number | undefined, isNeeded: boolean, where: string): void {
  if (isNeeded && id === undefined) throw badKey(where, `tokenizer.ggml.${name}_token_id`, "a token id", "none");
}

function kindOf(metadata: Metadata, where: string): Tokenizer["kind"] {
  const model = stringOf(metadata, "tokenizer.ggml.model", where);
  if (model !== undefined && Object.hasOwn(DEFAULTS, model)) return model as Tokenizer["kind"];
  if (model === undefined || model === "none" || model === "no_vocab") {
    throw new QuantizeError(
      "unsupported",
      `${where}: the file has no vocabulary: no text can be read or written with it`,
    );
  }
  const known = Object.keys(DEFAULTS).join(", ");
  const found = UNSUPPORTED.includes(model) ? `${model}, which is not supported` : quote(model);
  throw new QuantizeError(
    "unsupported",
    `${where}: key "tokenizer.ggml.model": expected one of ${known}, found ${found}`,
  );
}

function preTokenizerOf(metadata: Metadata, kind: Tokenizer["kind"], where: string): PreTokenizer {
  if (kind === "gemma4") return PRE_TOKENIZERS.get("gemma4")!;
  if (kind !== "gpt2") return { steps: [] };
  const name = stringOf(metadata, "tokenizer.ggml.pre", where) || "default";
  const found = PRE_TOKENIZERS.get(name);
  if (found !== undefined) return found;
  throw new QuantizeError(
    "unsupported",
    `${where}: key "tokenizer.ggml.pre": ${quote(name)} is no way of cutting text that is known here`,
  );
}

function readTexts(metadata: Metadata, where: string): string[] {
  const texts = Array.from(stringsOf(metadata, "tokenizer.ggml.tokens", where));
  if (texts.length === 0) throw badKey(where, "tokenizer.ggml.tokens", "at least one token", "none");
  return texts.map((text, id) => (text === "" ? `[EMPTY_${id}]` : text));
}

function readIds(texts: readonly string[], where: string): Map<string, number> {
  const ids = new Map<string, number>();
  for (let id = 0; id < texts.length; id++) ids.set(texts[id]!, id);
  if (ids.size === texts.length) return ids;
  const id = texts.findIndex((text, index) => ids.get(text) !== index);
  const text = texts[id]!;
  throw badKey(where, "tokenizer.ggml.tokens", "each token once", `${quote(text)} as ${id} and ${ids.get(text)}`);
}

function readAttributes(metadata: Metadata, count: number, where: string): Uint8Array {
  const types = numbersOf(metadata, "tokenizer.ggml.token_type", ["int32", "uint32"], count, where);
  if (types === undefined) return new Uint8Array(count).fill(ATTRIBUTE.normal);
  return Uint8Array.from({ length: count }, (_, id) => attributeOf(types[id]!));
}

function readScores(metadata: Metadata, kind: Tokenizer["kind"], count: number, where: string): Float32Array {
  if (kind !== "llama" && kind !== "t5") return new Float32Array(0);
  const key = "tokenizer.ggml.scores";
  const scores = numbersOf(metadata, key, ["float32", "int32"], count, where);
  if (scores === undefined) throw badKey(where, key, "an array of float32", "none");
  const floats = Float32Array.from({ length: count }, (_, id) => scores[id]!);
  const broken = floats.findIndex(Number.isNaN);
  if (broken >= 0) throw badKey(where, key, "numbers", `NaN for token ${broken}`);
  return floats;
}
