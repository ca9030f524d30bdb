/** Values of GGUF metadata with the type that a key must have; what has another is refused in one line. */
import { QuantizeError } from "../errors.ts";
import type { Metadata } from "../read/model.ts";
import { quote } from "../text/quote.ts";

/** The error for a key: where, what was expected, what was found. */
export function badKey(where: string, key: string, expected: string, found: string): QuantizeError {
  return new QuantizeError("bad-format", `${where}: key ${quote(key)}: expected ${expected}, found ${found}`);
}

/** What stands there, for an error message. */
function describe(metadata: Metadata, key: string): string {
  const value = metadata.get(key);
  if (value === undefined) return "none";
  return value.type === "array" ? `an array of ${value.elementType}` : value.type;
}

/** A string, or undefined where the key is absent. */
export function stringOf(metadata: Metadata, key: string, where: string): string | undefined {
  const value = metadata.get(key);
  if (value === undefined || value.type === "string") return value?.value as string | undefined;
  throw badKey(where, key, "a string", describe(metadata, key));
}

/** A bool, or undefined where the key is absent. */
export function boolOf(metadata: Metadata, key: string, where: string): boolean | undefined {
  const value = metadata.get(key);
  if (value === undefined || value.type === "bool") return value?.value as boolean | undefined;
  throw badKey(where, key, "a bool", describe(metadata, key));
}

/** A token id below `vocabularySize`, of whatever integer type, or undefined where the key is absent. */
export function tokenIdOf(metadata: Metadata, key: string, vocabularySize: number, where: string): number | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  const expected = `a token id below ${vocabularySize}`;
  if (value.type === "array" || (typeof value.value !== "number" && typeof value.value !== "bigint")) {
    throw badKey(where, key, expected, describe(metadata, key));
  }
  const id = Number(value.value);
  if (Number.isInteger(id) && id >= 0 && id < vocabularySize) return id;
  throw badKey(where, key, expected, String(value.value));
}

/** Strings. @throws where the key is absent, too */
export function stringsOf(metadata: Metadata, key: string, where: string): ArrayLike<string> {
  const value = metadata.get(key);
  if (value?.type === "array" && value.elementType === "string") return value.values as ArrayLike<string>;
  throw badKey(where, key, "an array of strings", describe(metadata, key));
}

/** Numbers of one of these types, at least `count`, or undefined where the key is absent. */
export function numbersOf(
  metadata: Metadata,
  key: string,
  types: readonly ("int8" | "uint8" | "int32" | "uint32" | "float32")[],
  count: number,
  where: string,
): ArrayLike<number> | undefined {
  const value = metadata.get(key);
  if (value === undefined) return undefined;
  if (value.type !== "array" || !types.some((type) => type === value.elementType)) {
    throw badKey(where, key, `an array of ${types.join(" or ")}`, describe(metadata, key));
  }
  if (value.values.length < count) throw badKey(where, key, `${count} values`, String(value.values.length));
  return value.values as ArrayLike<number>;
}
