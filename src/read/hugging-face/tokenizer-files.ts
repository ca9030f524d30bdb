/** The files of a folder that describe its tokenizer, and the list of tokens that becomes metadata. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { QuantizeError } from "../../errors.ts";
import { readWholeFile } from "../input-file.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "../json-text.ts";
import { decodeText } from "../lossless-utf8.ts";
import { TOKEN_KIND } from "./parse-sentencepiece.ts";
import { quote } from "../../text/quote.ts";

/** Longest chat template: real ones have 30 KB. */
const MAX_TEMPLATE_BYTES = 1 << 24;

/** The JSON files, parsed; a missing one is an empty object. */
export interface TokenizerFiles {
  readonly tokenizer: JsonObject;
  readonly tokenizerConfig: JsonObject;
  readonly config: JsonObject;
  /** `chat_template.jinja`, where it is a file of its own. */
  readonly chatTemplate?: string;
}

export function readTokenizerFiles(folder: string, config: JsonObject): TokenizerFiles {
  const read = (name: string) => (existsSync(join(folder, name)) ? readJsonObject(join(folder, name)) : {});
  const files = { config, tokenizer: read("tokenizer.json"), tokenizerConfig: read("tokenizer_config.json") };
  const path = join(folder, "chat_template.jinja");
  return existsSync(path) ? { ...files, chatTemplate: decodeText(readWholeFile(path, MAX_TEMPLATE_BYTES)) } : files;
}

/** Text, kind and score of each id below the vocabulary's size. */
export interface TokenList {
  readonly texts: string[];
  readonly kinds: Int32Array;
  readonly scores: Float32Array;
}

/** A list in which no id has a token yet: placeholders, as llama.cpp wants one for each row of the embeddings. */
export function emptyTokens(size: number): TokenList {
  return {
    texts: Array.from({ length: size }, (_, id) => `[PAD${id}]`),
    kinds: new Int32Array(size).fill(TOKEN_KIND.unused),
    scores: new Float32Array(size).fill(-10000),
  };
}

/** Places a token. @throws QuantizeError `bad-format` for an id that the vocabulary does not have */
export function placeToken(
  list: TokenList,
  id: unknown,
  text: string,
  kind: number,
  score: number,
  path: string,
): void {
  const size = list.texts.length;
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id >= size) {
    const expected = `expected an id below ${size} (vocab_size of the config)`;
    throw new QuantizeError("bad-format", `${path}: token ${quote(text)}: ${expected}, found ${String(id)}`);
  }
  list.texts[id] = text;
  list.kinds[id] = kind;
  list.scores[id] = score;
}

/** Places the tokens that were added to a vocabulary (`added_tokens` of `tokenizer.json`, or as another file has them). */
export function placeAddedTokens(list: TokenList, added: unknown, path: string): void {
  if (!Array.isArray(added)) return;
  for (const token of added as unknown[]) {
    if (!isJsonObject(token) || typeof token["content"] !== "string") {
      throw new QuantizeError("bad-format", `${path}: key "added_tokens": expected objects with a content`);
    }
    const { id, content, special } = token as JsonObject & { content: string };
    const isControl = special === true || looksSpecial(content);
    // llama.cpp looks for user-defined tokens in the text as it stands: with spaces for the sign tokenizers write.
    const text = isControl ? content : content.replaceAll("▁", " ");
    placeToken(list, id, text, isControl ? TOKEN_KIND.control : TOKEN_KIND.userDefined, -1000, path);
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

/** Merges as pairs of parts, from either form of `tokenizer.json`. */
export function mergePairs(merges: unknown, path: string): (readonly [string, string])[] {
  if (!Array.isArray(merges)) throw new QuantizeError("bad-format", `${path}: key "model.merges": expected a list`);
  return merges.map((merge: unknown, index) => {
    if (Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string")) {
      return merge as [string, string];
    }
    const space = typeof merge === "string" ? merge.indexOf(" ", 1) : -1;
    if (space > 0) return [(merge as string).slice(0, space), (merge as string).slice(space + 1)] as const;
    throw new QuantizeError("bad-format", `${path}: merge ${index}: expected "left right" or a pair`);
  });
}
