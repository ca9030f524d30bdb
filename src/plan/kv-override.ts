/** `--override-kv key=type:value`: metadata set by hand. */
import { isStorageKey } from "../container/manifest-keys.ts";
import { QuantizeError } from "../errors.ts";
import type { Metadata, MetadataValue } from "../read/model.ts";

const MAX_UINT32 = 2n ** 32n - 1n;

/** Whole numbers become u32 as in llama.cpp, and wider or signed types only where the value needs them. */
function integerValue(value: bigint): MetadataValue {
  if (value >= 0n) {
    if (value <= MAX_UINT32) return { type: "uint32", value: Number(value) };
    return { type: "uint64", value };
  }
  return value >= -(2n ** 31n) ? { type: "int32", value: Number(value) } : { type: "int64", value };
}

function parseValue(type: string, text: string): MetadataValue | undefined {
  if (type === "str") return { type: "string", value: text };
  if (type === "bool")
    return text === "true" || text === "false" ? { type: "bool", value: text === "true" } : undefined;
  if (type === "int") return /^[+-]?\d{1,19}$/.test(text) ? integerValue(BigInt(text.replace("+", ""))) : undefined;
  if (type !== "float" || text.trim() === "" || !Number.isFinite(Number(text))) return undefined;
  return { type: "float32", value: Math.fround(Number(text)) };
}

/**
 * Sets keys of a conversion's metadata, in place of or after the others.
 * @param overrides `key=int|float|bool|str:value`
 * @throws QuantizeError `usage` for anything else
 */
export function overrideMetadata(metadata: Metadata, overrides: readonly string[]): Metadata {
  const result: Metadata = new Map(metadata);
  for (const text of overrides) {
    const [, key, type, value] = /^([^=]{1,65535})=(int|float|bool|str):(.*)$/s.exec(text) ?? [];
    const parsed = type === undefined ? undefined : parseValue(type, value!);
    if (parsed === undefined)
      throw new QuantizeError("usage", `override "${text}": expected <key>=int|float|bool|str:<value>`);
    if (key === "general.alignment" && !isAlignment(parsed))
      throw new QuantizeError("usage", `override "${text}": expected a power of two from 8 to 65536`);
    if (isStorageKey(key!) || key!.startsWith("split."))
      throw new QuantizeError(
        "usage",
        `override "${text}": this key says how the file is stored, not what the model is`,
      );
    result.set(key!, parsed);
  }
  return result;
}

function isAlignment({ type, ...rest }: MetadataValue): boolean {
  const value = "value" in rest ? Number(rest.value) : 0;
  return type === "uint32" && value >= 8 && value <= 65536 && Number.isInteger(Math.log2(value));
}
