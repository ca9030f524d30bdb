/** JSON from elsewhere: bounded, valid UTF-8, and no key twice in an object. */
import { QuantizeError } from "../errors.ts";
import { readWholeFile } from "./input-file.ts";
import { quote } from "../text/quote.ts";

/** A JSON object. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** Largest JSON file: tokenizers with their merges as pairs are 35 MB. */
const MAX_JSON_BYTES = 1 << 28;

/**
 * Reads a JSON file whose root is an object.
 * @throws QuantizeError `io` or `bad-format`, naming the file
 */
export function readJsonObject(path: string): JsonObject {
  return parseJsonObject(readWholeFile(path, MAX_JSON_BYTES), path);
}

/** Reads a JSON file whose root is a list. @throws QuantizeError `io` or `bad-format`, naming the file */
export function readJsonList(path: string): readonly unknown[] {
  const value = parseJson(readWholeFile(path, MAX_JSON_BYTES), path);
  if (!Array.isArray(value)) throw new QuantizeError("bad-format", `${path}: expected a JSON list`);
  return value;
}

/**
 * Parses JSON whose root is an object.
 * @param where for error messages: the file, and what of it
 */
export function parseJsonObject(bytes: Uint8Array, where: string): JsonObject {
  const value = parseJson(bytes, where);
  if (!isJsonObject(value)) throw new QuantizeError("bad-format", `${where}: expected a JSON object`);
  return value;
}

/** Parses JSON. Two equal keys of an object are an error: readers would disagree on which one counts. */
function parseJson(bytes: Uint8Array, where: string): unknown {
  const text = decode(bytes, where);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new QuantizeError("bad-format", `${where}: expected JSON: ${reasonOf(cause)}`, { cause });
  }
  const twice = findDuplicateKey(text);
  if (twice !== undefined) throw new QuantizeError("bad-format", `${where}: key ${quote(twice)} twice in an object`);
  return value;
}

/** What the parser says of a text, in one line: it quotes the text, line breaks and all. */
export function reasonOf(cause: unknown): string {
  return String((cause as Error).message).replace(/\s+/g, " ");
}

/** True for objects, not for arrays or null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function decode(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new QuantizeError("bad-format", `${where}: expected UTF-8`, { cause });
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** The first key that an object of this valid JSON text has twice. A plain scan: expressions overflow on long strings. */
function findDuplicateKey(text: string): string | undefined {
  /** Keys of the open objects, null for open arrays. */
  const open: (Set<string> | null)[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x7b) open.push(new Set());
    else if (code === 0x5b) open.push(null);
    else if (code === 0x7d || code === 0x5d) open.pop();
    else if (code === QUOTE) {
      const start = i;
      const end = stringEnd(text, start);
      i = end;
      if (!isFollowedByColon(text, end + 1)) continue;
      const key = JSON.parse(text.slice(start, end + 1)) as string;
      const keys = open.at(-1)!;
      if (keys!.has(key)) return key;
      keys!.add(key);
    }
  }
  return undefined;
}

/** Index of the quote that ends the string which starts at `start`. */
function stringEnd(text: string, start: number): number {
  let i = start + 1;
  while (text.charCodeAt(i) !== QUOTE) i += text.charCodeAt(i) === BACKSLASH ? 2 : 1;
  return i;
}

function isFollowedByColon(text: string, start: number): boolean {
  let i = start;
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++;
  return text.charCodeAt(i) === 0x3a;
}
