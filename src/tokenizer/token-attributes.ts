/** What a token is, as bits, since it may be several things: `tokenizer.ggml.token_type`, corrected by its text. */
import type { TokenType } from "./tokenizer.types.ts";

export const ATTRIBUTE = {
  unknown: 1,
  unused: 2,
  normal: 4,
  control: 8,
  userDefined: 16,
  byte: 32,
  /** Takes the white space before it. */
  stripsLeft: 64,
  /** Takes the white space behind it. */
  stripsRight: 128,
} as const;

/** Nothing is seen of these in a decoded text, unless it is asked for. */
export const HIDDEN = ATTRIBUTE.unknown | ATTRIBUTE.control;
/** These are looked for in a text before it is cut. */
export const SPECIAL = HIDDEN | ATTRIBUTE.userDefined;

/** Types in GGUF, from 1. */
const TYPES = [
  ATTRIBUTE.normal,
  ATTRIBUTE.unknown,
  ATTRIBUTE.control,
  ATTRIBUTE.userDefined,
  ATTRIBUTE.unused,
  ATTRIBUTE.byte,
];

/** The attribute of a token of this type; none for types that do not exist. */
export function attributeOf(type: number): number {
  return TYPES[type - 1] ?? 0;
}

/** The one word for a token's attributes. */
export function typeOf(attributes: number): TokenType {
  if (attributes & ATTRIBUTE.unknown) return "unknown";
  if (attributes & ATTRIBUTE.control) return "control";
  if (attributes & ATTRIBUTE.userDefined) return "user-defined";
  if (attributes & ATTRIBUTE.byte) return "byte";
  if (attributes & ATTRIBUTE.unused) return "unused";
  return attributes & ATTRIBUTE.normal ? "normal" : "undefined";
}
