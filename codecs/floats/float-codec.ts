/**
 * What the plain number types share: one number per weight, one field of one little-endian number.
 *
 * The arithmetic works on bits (`Uint32Array` views of the floats), because a NaN that passes through a JavaScript
 * number may lose its payload.
 */
import { withBlockBytes } from "../codec.ts";
import type { BlockFormat } from "../codec.ts";

/** What tells one plain number type from another. */
export interface NumberFormat extends Pick<BlockFormat, "name" | "about" | "ggmlType" | "fileType"> {
  readonly bytes: number;
  /** The number's bits, for people. */
  readonly meaning: string;
}

function numberFormat(kind: "float" | "integer", { bytes, meaning, ...facts }: NumberFormat): BlockFormat {
  return withBlockBytes({
    ...facts,
    kind,
    blockSize: 1,
    fields: [{ name: "value", bytes, role: "codes" as const, meaning }],
  });
}

/** The shape of a float type. */
export function floatFormat(facts: NumberFormat): BlockFormat {
  return numberFormat("float", facts);
}

/** The shape of an integer type. */
export function integerFormat(facts: NumberFormat): BlockFormat {
  return numberFormat("integer", facts);
}

/** The same memory as 32-bit words. */
export function bitsOf(floats: Float32Array): Uint32Array {
  return new Uint32Array(floats.buffer, floats.byteOffset, floats.length);
}

/** The same memory as bytes. */
export function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength);
}

/** A view for reading numbers at any alignment. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
