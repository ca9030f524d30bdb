/**
 * Tokens with a task (begin, end, padding, ...), and whether they are added to a text: read from
 * `tokenizer_config.json`, the post-processor of `tokenizer.json` and `config.json`, in the order of authority that
 * llama.cpp's converter has (`SpecialVocab`).
 */
import { isJsonObject, type JsonObject } from "../../json-text.ts";
import type { Metadata } from "../../model.ts";
import type { TokenizerFiles } from "./tokenizer-files.ts";

/** Names in Hugging Face's files, and the GGUF key of the id (the misspelling is the format's). */
const ID_KEYS = {
  bos: "tokenizer.ggml.bos_token_id",
  eos: "tokenizer.ggml.eos_token_id",
  unk: "tokenizer.ggml.unknown_token_id",
  sep: "tokenizer.ggml.seperator_token_id",
  pad: "tokenizer.ggml.padding_token_id",
  cls: "tokenizer.ggml.cls_token_id",
  mask: "tokenizer.ggml.mask_token_id",
  eot: "tokenizer.ggml.eot_token_id",
  eom: "tokenizer.ggml.eom_token_id",
} as const;

export type SpecialToken = keyof typeof ID_KEYS;

/** Tasks that files name; the other two are what is left of an end that a template replaces. */
const NAMED: readonly SpecialToken[] = ["bos", "eos", "unk", "sep", "pad", "cls", "mask"];

/** What an architecture says of its special tokens beyond its files. */
export interface SpecialTokenRules {
  /** Texts of tokens that take a task which the files leave open. */
  readonly open?: Partial<Record<SpecialToken, string>>;
  /** Texts of tokens that take a task whatever the files say, if the vocabulary has them. */
  readonly always?: Partial<Record<SpecialToken, string>>;
  /** Flags where the files say nothing. */
  readonly adds?: Partial<Record<"bos" | "eos" | "sep", boolean>>;
}

/** What is known of the special tokens: texts by task, and which are added to a text. */
interface Known {
  readonly texts: Map<SpecialToken, string>;
  readonly added: Map<"bos" | "eos" | "sep", boolean>;
}

/**
 * Adds ids below `vocabularySize` and the `add_..._token` flags.
 * @param statesFlags the vocabulary is of a kind for which llama.cpp guesses: both flags are always written
 */
export function addSpecialTokens(
  metadata: Metadata,
  files: TokenizerFiles,
  rules: SpecialTokenRules,
  vocabularySize: number,
  statesFlags: boolean,
): void {
  const { texts, added } = knownTokens(files);
  const idOf = tokenIds(files.tokenizer ?? {});
  const ids = new Map<SpecialToken, number>();
  const set = (task: SpecialToken, id: unknown): void => {
    if (isId(id, vocabularySize) && !ids.has(task)) ids.set(task, id);
  };
  for (const [task, text] of Object.entries(rules.always ?? {})) set(task as SpecialToken, idOf(text));
  for (const [task, text] of texts) set(task, idOf(text));
  for (const task of NAMED) set(task, configId(files.config, task));
  for (const [task, text] of Object.entries(rules.open ?? {})) set(task as SpecialToken, idOf(text));
  for (const [task, id] of ids) metadata.set(ID_KEYS[task], { type: "uint32", value: id });
  for (const task of ["bos", "eos", "sep"] as const) {
    const stated = files.tokenizerConfig[`add_${task}_token`];
    const known = typeof stated === "boolean" ? stated : (added.get(task) ?? rules.adds?.[task]);
    const value = known ?? (statesFlags && task !== "sep" ? false : undefined);
    if (value !== undefined) metadata.set(`tokenizer.ggml.add_${task}_token`, { type: "bool", value });
  }
}

function isId(value: unknown, vocabularySize: number): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value < vocabularySize;
}

/** An id of `config.json`, or of the part of it that describes the language model. */
function configId(config: JsonObject, task: SpecialToken): unknown {
  const inner = config["text_config"];
  return config[`${task}_token_id`] ?? (isJsonObject(inner) ? inner[`${task}_token_id`] : undefined);
}

/** A token is given as its text, or as an object with it. */
function contentOf(value: unknown): string | undefined {
  const content = isJsonObject(value) ? value["content"] : value;
  return typeof content === "string" && content !== "" ? content : undefined;
}

/** Ids by text: of tokens that were added, and of the base vocabulary. */
function tokenIds({ added_tokens: added, model }: JsonObject): (text: string) => unknown {
  const tokens: unknown[] = Array.isArray(added) ? added : [];
  const ids = new Map(tokens.filter(isJsonObject).map(({ content, id }) => [String(content), id]));
  const base = isJsonObject(model) && isJsonObject(model["vocab"]) ? model["vocab"] : {};
  return (text) => ids.get(text) ?? (Object.hasOwn(base, text) ? base[text] : undefined);
}

function knownTokens({ tokenizer, tokenizerConfig, hasTokenizerConfig }: TokenizerFiles): Known {
  const texts = new Map<SpecialToken, string>();
  for (const task of NAMED) {
    const text = contentOf(tokenizerConfig[`${task}_token`]);
    if (text !== undefined) texts.set(task, text);
  }
  const known: Known = { texts, added: new Map() };
  if (tokenizer === undefined) return known;
  // Encoders call the first token of a text its class, and the last one a separator.
  const [cls, sep] = [texts.get("cls"), texts.get("sep")];
  if (!texts.has("bos") && cls !== undefined) texts.set("bos", cls);
  if (!texts.has("eos") && sep !== undefined) texts.set("eos", sep);
  for (const processor of processorsOf(tokenizer)) {
    if (processor["type"] === "RobertaProcessing") addRoberta(known, processor);
    if (processor["type"] === "TemplateProcessing") addTemplate(known, processor, hasTokenizerConfig);
  }
  return known;
}

function processorsOf({ post_processor: root }: JsonObject): readonly JsonObject[] {
  if (!isJsonObject(root)) return [];
  const list: unknown[] = Array.isArray(root["processors"]) ? root["processors"] : [root];
  return list.filter(isJsonObject);
}

/** `<s> text </s>`, and `</s></s>` between two texts. */
function addRoberta({ texts, added }: Known, processor: JsonObject): void {
  for (const task of ["bos", "eos", "sep"] as const) added.set(task, true);
  for (const [task, otherwise] of [
    ["cls", "bos"],
    ["sep", "eos"],
  ] as const) {
    const pair = processor[task];
    const text = (Array.isArray(pair) ? contentOf(pair[0]) : undefined) ?? texts.get(otherwise);
    if (text !== undefined && !texts.has(task)) texts.set(task, text);
  }
}

/** What a template puts in front of a text, behind it, and between two: read as far as llama.cpp can follow. */
function addTemplate({ texts, added }: Known, { single, pair }: JsonObject, hasTokenizerConfig: boolean): void {
  const [first, last] = Array.isArray(single) && single.length > 1 ? [tokenOf(single[0]), tokenOf(single.at(-1))] : [];
  if (first !== undefined) {
    if (!hasTokenizerConfig) texts.set("bos", first);
    added.set("bos", first === texts.get("bos") || first === texts.get("cls"));
  }
  if (last !== undefined) {
    const end = texts.get("eos");
    // The end of a text that models are asked for is not the end that they say: embeddings are read off the former.
    if (hasTokenizerConfig && end !== undefined && end !== last) texts.set(texts.has("eot") ? "eom" : "eot", end);
    texts.set("eos", last);
    added.set("eos", true);
  }
  const between = Array.isArray(pair) ? middleOf(pair, first, last) : undefined;
  if (between === undefined) return;
  const isSeparator = (text: string | undefined) => text === texts.get("sep") || text === texts.get("eos");
  const adds = (isSeparator(between[0]) && last === undefined) || (between.length === 2 && isSeparator(between[1]));
  added.set("sep", adds);
  const end = texts.get("eos");
  if (adds && !texts.has("sep") && end !== undefined) texts.set("sep", end);
}

function tokenOf(piece: unknown): string | undefined {
  const token = isJsonObject(piece) ? piece["SpecialToken"] : undefined;
  return isJsonObject(token) ? contentOf(token["id"]) : undefined;
}

/** The tokens between the two texts of a pair, undefined when the pair has another form. */
function middleOf(pair: readonly unknown[], first?: string, last?: string): (string | undefined)[] | undefined {
  const start = first !== undefined && tokenOf(pair[0]) === first ? 1 : 0;
  const end = last !== undefined && tokenOf(pair.at(-1)) === last ? pair.length - 1 : pair.length;
  const inner = pair.slice(start, end);
  const sequenceOf = (piece: unknown): unknown => {
    const sequence = isJsonObject(piece) ? piece["Sequence"] : undefined;
    return isJsonObject(sequence) ? sequence["id"] : undefined;
  };
  if (sequenceOf(inner[0]) !== "A" || sequenceOf(inner.at(-1)) !== "B" || inner.length < 3) return undefined;
  return inner.slice(1, -1).map(tokenOf);
}
