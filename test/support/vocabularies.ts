/** Vocabularies for tests, as metadata: invented, small, deterministic. */
import type { Metadata, MetadataValue } from "#dist/src/read/model.js";
import { BYTE_CHARACTERS } from "#dist/src/tokenizer/byte-characters.js";

export interface VocabularyParts {
  readonly model?: string;
  readonly pre?: string;
  readonly tokens?: readonly string[];
  readonly merges?: readonly string[];
  readonly scores?: readonly number[];
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly token_type?: readonly number[];
  readonly bos_token_id?: number;
  readonly eos_token_id?: number;
  readonly unknown_token_id?: number;
  readonly seperator_token_id?: number;
  readonly add_bos_token?: boolean;
  readonly add_eos_token?: boolean;
  readonly add_space_prefix?: boolean;
}

/** Keys `tokenizer.ggml.*` of these values. */
export function vocabulary(parts: VocabularyParts): Metadata {
  return new Map(Object.entries(parts).map(([key, value]) => [`tokenizer.ggml.${key}`, valueOf(key, value)]));
}

function valueOf(key: string, value: unknown): MetadataValue {
  if (typeof value === "string") return { type: "string", value };
  if (typeof value === "boolean") return { type: "bool", value };
  if (typeof value === "number") return { type: "uint32", value };
  if (key === "scores") return { type: "array", elementType: "float32", values: Float32Array.from(value as number[]) };
  if (key === "token_type") return { type: "array", elementType: "int32", values: Int32Array.from(value as number[]) };
  return { type: "array", elementType: "string", values: value as string[] };
}

/** The strings of an array `tokenizer.ggml.*`. */
export function strings(metadata: Metadata, key: string): string[] {
  const value = metadata.get(`tokenizer.ggml.${key}`);
  return value?.type === "array" ? Array.from(value.values, String) : [];
}

/** Every byte, and pairs of two of them, drawn by lot: the first `count` of all 65536 in an order that is always the same. */
export function bytePairVocabulary(count: number, parts: VocabularyParts = {}): Metadata {
  const pairs = BYTE_CHARACTERS.flatMap((left) => BYTE_CHARACTERS.map((right) => [left, right] as const));
  let state = 1;
  for (let i = pairs.length - 1; i > 0; i--) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const j = Math.floor((state / 2 ** 32) * (i + 1));
    [pairs[i], pairs[j]] = [pairs[j]!, pairs[i]!];
  }
  const chosen = pairs.slice(0, count);
  return vocabulary({
    model: "gpt2",
    pre: "gpt-2",
    tokens: [...BYTE_CHARACTERS, ...chosen.map((pair) => pair.join(""))],
    merges: chosen.map((pair) => pair.join(" ")),
    bos_token_id: 0,
    eos_token_id: 1,
    seperator_token_id: 2,
    ...parts,
  });
}

/** Every byte as `<0x..>`, then these pieces, each scored below the one before, of SentencePiece's kind. */
export function sentencePieceVocabulary(pieces: readonly string[], parts: VocabularyParts = {}): Metadata {
  const bytes = Array.from({ length: 256 }, (_, i) => `<0x${i.toString(16).toUpperCase().padStart(2, "0")}>`);
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...pieces];
  return vocabulary({
    model: "llama",
    tokens,
    scores: tokens.map((_, id) => (id < 259 ? 0 : 259 - id)),
    token_type: tokens.map((_, id) => (id === 0 ? 2 : id < 3 ? 3 : id < 259 ? 6 : 1)),
    ...parts,
  });
}
