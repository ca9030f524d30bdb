/** A plan as one number: two plans with the same one make the same bytes of the same source. */
import { createHash } from "node:crypto";
import type { Metadata, MetadataValue } from "../read/model.ts";
import type { Plan } from "./plan.ts";

/** What of the run decides bytes beside the plan. */
export type RunFacts = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * The first 64 bits of the SHA-256 of all that a plan decides: tensors, their shapes, codecs, layouts and places, the
 * recipe, metadata with their types.
 * @returns 16 hexadecimal digits
 */
export function planHash({ tensors, metadata, alignment, fileCount, recipe }: Plan, facts: RunFacts): string {
  const hash = createHash("sha256");
  const add = (value: unknown): void => void hash.update(`${JSON.stringify(value)}\n`);
  add({ facts, recipe, alignment, fileCount });
  for (const { tensor, codec, layout, tables, tablesFrom, importance, file, byteOffset, byteLength } of tensors) {
    const { name, shape, codec: from, layout: order, parts } = tensor;
    add([name, shape, from, order, codec, layout, tables, tablesFrom, file, byteOffset, byteLength]);
    if (parts !== undefined) add(JSON.stringify(parts, withoutPlace));
    if (importance !== undefined) hash.update(bytesOf(importance));
  }
  addMetadata(metadata, add, (bytes) => void hash.update(bytes));
  return hash.digest("hex").slice(0, 16);
}

/** Where a source's bytes lie is no matter of the plan: the same weights may be in other files. */
const withoutPlace = (key: string, value: unknown): unknown =>
  key === "file" || key === "byteOffset" ? undefined : value;

const bytesOf = ({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function addMetadata(metadata: Metadata, add: (value: unknown) => void, addBytes: (bytes: Uint8Array) => void): void {
  for (const [key, value] of metadata) {
    if (value.type !== "array") {
      add([key, value.type, typeof value.value === "bigint" ? String(value.value) : value.value]);
      continue;
    }
    const { elementType, values, stored } = value;
    add([key, elementType, values.length]);
    // Vocabularies are large: as bytes, where they lie about as such.
    if (stored !== undefined) addBytes(stored.bytes);
    else if (ArrayBuffer.isView(values)) addBytes(bytesOf(values));
    else add(plainValues(value));
  }
}

function plainValues({ values }: Extract<MetadataValue, { type: "array" }>): unknown[] {
  return Array.from(values, (value) => (typeof value === "bigint" ? String(value) : value));
}
