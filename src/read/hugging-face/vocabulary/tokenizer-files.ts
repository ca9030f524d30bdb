/** The files of a folder that describe its tokenizer. */
import { existsSync, readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { QuantizeError } from "../../../errors.ts";
import { readWholeFile } from "../../input-file.ts";
import { isJsonObject, readJsonObject, type JsonObject } from "../../json-text.ts";
import { decodeText } from "../../lossless-utf8.ts";
import { slowTokenizer } from "./slow-tokenizer.ts";

/** Longest chat template, `merges.txt` or `vocab.txt`: real ones have up to 5 MB. */
const MAX_TEXT_BYTES = 1 << 27;

/** What is read of them; a missing JSON file is an empty object. */
export interface TokenizerFiles {
  readonly folder: string;
  /** `tokenizer.json`, or what the older files say in its form; undefined when there are none. */
  readonly tokenizer?: JsonObject;
  /** The file that `tokenizer` comes from, for error messages. */
  readonly path: string;
  readonly tokenizerConfig: JsonObject;
  readonly hasTokenizerConfig: boolean;
  readonly config: JsonObject;
  readonly addedTokens: JsonObject;
  /** The chat template as the files beside `tokenizer_config.json` state it: a text, or a list of named ones. */
  readonly chatTemplate?: unknown;
}

/** A JSON object of the folder, undefined when it is not there. */
function readOptional(folder: string, name: string): JsonObject | undefined {
  const path = join(folder, name);
  return existsSync(path) ? readJsonObject(path) : undefined;
}

function readText(path: string): string {
  return decodeText(readWholeFile(path, MAX_TEXT_BYTES));
}

/** Reads them all. @throws QuantizeError `bad-format` or `io`, naming the file */
export function readTokenizerFiles(folder: string, config: JsonObject): TokenizerFiles {
  const tokenizerConfig = readOptional(folder, "tokenizer_config.json");
  const addedTokens = readOptional(folder, "added_tokens.json") ?? {};
  const fast = readOptional(folder, "tokenizer.json");
  const chatTemplate = readChatTemplate(folder);
  const files = {
    ...{ folder, config, addedTokens },
    ...{ tokenizerConfig: tokenizerConfig ?? {}, hasTokenizerConfig: tokenizerConfig !== undefined },
    ...(chatTemplate === undefined ? {} : { chatTemplate }),
  };
  if (fast !== undefined) return { ...files, tokenizer: fast, path: join(folder, "tokenizer.json") };
  const vocabulary = readOptional(folder, "vocab.json");
  const [merges, words] = [join(folder, "merges.txt"), join(folder, "vocab.txt")];
  if (vocabulary !== undefined && existsSync(merges)) {
    const parts = { kind: "pairs", vocabulary, merges: linesOf(readText(merges)) } as const;
    return { ...files, tokenizer: slowTokenizer(parts, files), path: join(folder, "vocab.json") };
  }
  if (existsSync(words)) {
    const parts = { kind: "words", words: linesOf(readText(words)) } as const;
    return { ...files, tokenizer: slowTokenizer(parts, files), path: words };
  }
  return { ...files, path: join(folder, "tokenizer.json") };
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.at(-1) === "" ? lines.slice(0, -1) : lines;
}

/** `chat_template.jinja`, with those in `additional_chat_templates`, or what `chat_template.json` holds. */
function readChatTemplate(folder: string): unknown {
  const path = join(folder, "chat_template.jinja");
  if (!existsSync(path)) return readOptional(folder, "chat_template.json")?.["chat_template"];
  const template = readText(path);
  const others = join(folder, "additional_chat_templates");
  const names = existsSync(others) ? readdirSync(others).filter((name) => name.endsWith(".jinja")) : [];
  if (names.length === 0) return template;
  const named = names
    .sort()
    .map((name) => ({ name: basename(name, ".jinja"), template: readText(join(others, name)) }));
  return [{ name: "default", template }, ...named];
}

/** The `model` of a tokenizer. @throws QuantizeError `bad-format` when it is no object */
export function modelOf(tokenizer: JsonObject, path: string): JsonObject {
  const { model } = tokenizer;
  if (isJsonObject(model)) return model;
  throw new QuantizeError("bad-format", `${path}: key "model": expected an object`);
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
