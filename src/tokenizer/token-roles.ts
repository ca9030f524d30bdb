/**
 * What llama.cpp knows of tokens by their text: which end a turn or a text, which are control tokens whatever the file
 * says, which take the white space beside them. (`llama_vocab::load`, release v0.5.0.)
 */
import type { Metadata } from "../read/model.ts";
import { stringOf, tokenIdOf } from "./metadata-values.ts";
import { ATTRIBUTE } from "./token-attributes.ts";

/**
 * Tasks, and the texts of tokens that have them where no key names one. llama.cpp takes whichever its hash table lists
 * first; here it is the first of the list.
 */
const ROLES = {
  eot: [
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<｜end▁of▁sentence｜>",
    "<end_of_utterance>",
  ],
  eom: ["<|eom_id|>"],
  fim_pre: [
    "<|fim_prefix|>",
    "<fim-prefix>",
    "<fim_prefix>",
    "<｜fim▁begin｜>",
    "<PRE>",
    "▁<PRE>",
    "<|code_prefix|>",
    "<|prefix|>",
  ],
  fim_suf: [
    "<|fim_suffix|>",
    "<fim-suffix>",
    "<fim_suffix>",
    "<｜fim▁hole｜>",
    "<SUF>",
    "▁<SUF>",
    "<|code_suffix|>",
    "<|suffix|>",
  ],
  fim_mid: [
    "<|fim_middle|>",
    "<fim-middle>",
    "<fim_middle>",
    "<｜fim▁end｜>",
    "<MID>",
    "▁<MID>",
    "<|code_middle|>",
    "<|middle|>",
  ],
  fim_pad: ["<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"],
  fim_rep: ["<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"],
  fim_sep: ["<|file_sep|>"],
} as const;

/** Names that keys had before. */
const FORMER_KEYS: Readonly<Record<string, string>> = { fim_pre: "prefix", fim_suf: "suffix", fim_mid: "middle" };

/** After these nothing more is to be generated. */
const ENDS = [
  "<|eot_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "</s>",
  "<|eom_id|>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|end_of_text|>",
  "<end_of_utterance>",
  "<eos>",
  "<turn|>",
  "<|tool_response>",
  "<｜end▁of▁sentence｜>",
  "[e~[",
];

/** Parts of a conversation in OpenAI's format: seen in the text even without `special`. */
const CHANNEL_MARKS = ["<|channel|>", "<|message|>", "<|start|>", "<|constrain|>"];

/** Ids with a task. */
export interface SpecialIds {
  bos: number | undefined;
  eos: number | undefined;
  eot: number | undefined;
  unknown: number | undefined;
  separator: number | undefined;
}

export interface TokenList {
  readonly metadata: Metadata;
  readonly where: string;
  readonly ids: ReadonlyMap<string, number>;
  /** Changed where a token's text tells more than the file. */
  readonly attributes: Uint8Array;
  /** `eot` is filled in where no key names it. */
  readonly special: SpecialIds;
}

/** Corrects attributes, finds the end of a turn, and returns the tokens that end a generation. */
export function assignRoles(list: TokenList): ReadonlySet<number> {
  const { ids, attributes, special } = list;
  const roles = findRoles(list);
  special.eot = roles["eot"];
  for (const [text, id] of ids) {
    if (attributes[id]! & ATTRIBUTE.control && text.includes("unused")) attributes[id]! |= ATTRIBUTE.unused;
  }
  const ends = new Set<number>();
  const addEnd = (id: number | undefined) => id !== undefined && ends.add(id);
  addEnd(roles["fim_pad"]);
  addEnd(roles["fim_rep"]);
  addEnd(roles["fim_sep"]);
  for (const text of ENDS) {
    const id = ids.get(text);
    if (id === undefined) continue;
    ends.add(id);
    attributes[id]! |= ATTRIBUTE.control;
  }
  for (const text of CHANNEL_MARKS) {
    const id = ids.get(text);
    if (id !== undefined) attributes[id] = ATTRIBUTE.userDefined;
  }
  addEnd(special.eos);
  addEnd(special.eot);
  addEnd(roles["eom"]);
  removeFalseEnds(ends, ids, attributes);
  markStrippingTokens(list);
  return ends;
}

function findRoles({ metadata, where, ids, attributes }: TokenList): Record<string, number | undefined> {
  const named = (key: string) => tokenIdOf(metadata, `tokenizer.ggml.${key}_token_id`, attributes.length, where);
  return Object.fromEntries(
    Object.entries(ROLES).map(([role, texts]) => {
      const former = FORMER_KEYS[role];
      const given = (former === undefined ? undefined : named(former)) ?? named(role);
      if (given !== undefined) return [role, given];
      const text = texts.find((candidate) => ids.has(candidate));
      const id = text === undefined ? undefined : ids.get(text)!;
      if (id !== undefined) attributes[id]! |= ATTRIBUTE.control;
      return [role, id];
    }),
  );
}

/** Tokens that end a text in most vocabularies and go on in some. */
function removeFalseEnds(ends: Set<number>, ids: ReadonlyMap<string, number>, attributes: Uint8Array): void {
  const hasEnd = (text: string): boolean => ends.has(ids.get(text) ?? -1);
  const remove = (text: string, attribute: number): void => {
    const id = ids.get(text)!;
    ends.delete(id);
    attributes[id] = attribute;
  };
  // OpenAI's and Upstage's formats: "<|end|>" ends a message, of which there are several.
  const isOfMessages = (hasEnd("<|call|>") || hasEnd("<|calls|>")) && (hasEnd("<|return|>") || hasEnd("<|flush|>"));
  if (hasEnd("<|end|>") && isOfMessages) remove("<|end|>", ATTRIBUTE.userDefined);
  // Gemma 4 uses "</s>" for something else.
  if (hasEnd("<|tool_response>") && hasEnd("</s>")) remove("</s>", ATTRIBUTE.normal);
}

/** What GGUF does not say of a token: that it takes the white space beside it. llama.cpp goes by names. */
function markStrippingTokens({ metadata, where, ids, attributes }: TokenList): void {
  const name = (stringOf(metadata, "general.name", where) ?? "").toLowerCase();
  const pre = stringOf(metadata, "tokenizer.ggml.pre", where) ?? "";
  const architecture = stringOf(metadata, "general.architecture", where) ?? "";
  const mark = (text: string, attribute: number, value = true): void => {
    const id = ids.get(text);
    if (id === undefined) return;
    if (value) attributes[id]! |= attribute;
    else attributes[id]! &= ~attribute;
  };
  const isMaskedModel = /jina-v2-(de|es|code)/.test(pre) || /nomic-bert-moe|jina-bert-v3/.test(architecture);
  if (isMaskedModel) mark("<mask>", ATTRIBUTE.stripsLeft);
  else if (/phi-?3/.test(name)) {
    const special = ATTRIBUTE.control | ATTRIBUTE.userDefined | ATTRIBUTE.unknown;
    for (let id = 0; id < attributes.length; id++) {
      if (attributes[id]! & special) attributes[id]! |= ATTRIBUTE.stripsRight;
    }
    mark("</s>", ATTRIBUTE.stripsRight);
    for (const text of ["<unk>", "<s>", "<|endoftext|>"]) mark(text, ATTRIBUTE.stripsRight, false);
  } else if (name.includes("modern-bert")) mark("[MASK]", ATTRIBUTE.stripsLeft);
}
