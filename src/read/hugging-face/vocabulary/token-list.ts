/** The list of tokens that becomes metadata: text, kind and score of each id. */
import { QuantizeError } from "../../../errors.ts";
import { quote } from "../../../text/quote.ts";
import { isJsonObject, type JsonObject } from "../../json-text.ts";

/** Kinds of tokens, numbered as SentencePiece and GGUF number them. */
export const TOKEN_KIND = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/** Score of tokens that were added to a SentencePiece vocabulary: joined last. */
const ADDED_SCORE = -1000;

/** Text, kind and score of each id, one for each row of the embeddings. */
export interface TokenList {
  readonly texts: string[];
  readonly kinds: Int32Array;
  readonly scores: Float32Array;
  /** Tokens that have no row in the embeddings: no text can become them. */
  readonly leftOut: string[];
}

/** A token to place. */
export interface Token {
  readonly id: unknown;
  readonly text: string;
  readonly kind: number;
  readonly score?: number;
}

/** A list in which no id has a token yet: placeholders, as llama.cpp wants one for each row of the embeddings. */
export function emptyTokens(size: number): TokenList {
  return {
    texts: Array.from({ length: size }, (_, id) => `[PAD${id}]`),
    kinds: new Int32Array(size).fill(TOKEN_KIND.unused),
    scores: new Float32Array(size).fill(-10000),
    leftOut: [],
  };
}

/** Places a token, or notes that it has no row. @throws QuantizeError `bad-format` for what is no id */
export function placeToken(list: TokenList, { id, text, kind, score = 0 }: Token, path: string): void {
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0) {
    const found = JSON.stringify(id) ?? "none";
    throw new QuantizeError("bad-format", `${path}: token ${quote(text)}: expected a whole number, found ${found}`);
  }
  if (id >= list.texts.length) {
    list.leftOut.push(text);
    return;
  }
  list.texts[id] = text;
  list.kinds[id] = kind;
  list.scores[id] = score;
}

/**
 * Places a base vocabulary `{ text: id }`.
 * @throws QuantizeError `bad-format` when two tokens share an id
 */
export function placeVocabulary(
  list: TokenList,
  vocabulary: unknown,
  path: string,
  kindOf: (text: string) => number = () => TOKEN_KIND.normal,
): void {
  if (!isJsonObject(vocabulary)) {
    throw new QuantizeError("bad-format", `${path}: key "model.vocab": expected an object`);
  }
  for (const [text, id] of Object.entries(vocabulary)) {
    const taken = typeof id === "number" ? list.kinds[id] : undefined;
    if (taken !== undefined && taken !== TOKEN_KIND.unused) {
      const tokens = `tokens ${quote(list.texts[id as number]!)} and ${quote(text)}`;
      throw new QuantizeError("bad-format", `${path}: ${tokens} share id ${String(id)}`);
    }
    placeToken(list, { id, text, kind: kindOf(text) }, path);
  }
}

/**
 * Places tokens that were added to a vocabulary (`added_tokens` of `tokenizer.json`, or as another file has them).
 * @param written how llama.cpp is to find a token in a text; absent: as it is called
 */
export function placeAddedTokens(
  list: TokenList,
  added: unknown,
  path: string,
  written: (token: JsonObject & { readonly content: string }) => string = ({ content }) => content,
): void {
  if (!Array.isArray(added)) return;
  for (const token of added as unknown[]) {
    if (!isJsonObject(token) || typeof token["content"] !== "string") {
      throw new QuantizeError("bad-format", `${path}: key "added_tokens": expected objects with a content`);
    }
    const named = token as JsonObject & { content: string };
    const text = written(named);
    const isControl = named["special"] === true || looksSpecial(text);
    const kind = isControl ? TOKEN_KIND.control : TOKEN_KIND.userDefined;
    // llama.cpp looks for user-defined tokens in the text as it stands: with spaces for the sign tokenizers write.
    const found = isControl ? text : text.replaceAll("▁", " ");
    placeToken(list, { id: named["id"], text: found, kind, score: ADDED_SCORE }, path);
  }
}

/** Places what `added_tokens.json` holds, `{ text: id }`: tokens of the user, written as they are. */
export function placeAddedTexts(list: TokenList, added: JsonObject, path: string): void {
  for (const [text, id] of Object.entries(added)) {
    placeToken(list, { id, text, kind: TOKEN_KIND.userDefined, score: ADDED_SCORE }, path);
  }
}

/** Tokens that some folders forget to mark: llama.cpp's converter takes them for control tokens, too. */
function looksSpecial(text: string): boolean {
  return (
    ["<pad>", "<mask>", "<2mass>", "[@BOS@]"].includes(text) ||
    (text.startsWith("<|") && text.endsWith("|>")) ||
    (text.startsWith("<｜") && text.endsWith("｜>")) ||
    (text.startsWith("<unused") && text.endsWith(">"))
  );
}

/** llama.cpp looks tokens up by their text and refuses a file that has one twice. @throws QuantizeError `bad-format` */
export function checkDistinct({ texts }: TokenList, path: string): void {
  const ids = new Map<string, number>();
  for (const [id, text] of texts.entries()) {
    const other = ids.get(text);
    if (other !== undefined) {
      throw new QuantizeError("bad-format", `${path}: tokens ${other} and ${id} are both ${quote(text)}`);
    }
    ids.set(text, id);
  }
}

/** A sentence about tokens without a row, for people; undefined when there are none. */
export function leftOutNote({ leftOut, texts }: TokenList): string | undefined {
  if (leftOut.length === 0) return undefined;
  const shown = leftOut.slice(0, 3).map((text) => quote(text));
  const names = shown.join(", ") + (leftOut.length > shown.length ? ", ..." : "");
  const count = leftOut.length === 1 ? "a token has no row" : `${leftOut.length} tokens have no row`;
  return `${count} in the ${texts.length} of the embeddings and left out: ${names}`;
}
