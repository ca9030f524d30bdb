/**
 * What the plain number types share: one number per weight, one field of one little-endian number.
 *
 * The arithmetic works on bits (`Uint32Array` views of the floats), because a NaN that passes through a JavaScript
 * number may lose its payload.
 */
import { withBlockBytes } from "../codec.ts";
import type { BlockFormat } from "../codec.ts";

/** The shape of a plain number type. */
export function floatFormat(name: string, bytes: number, meaning: string, ggmlType?: number): BlockFormat {
  return withBlockBytes({
    name,
    kind: "float" as const,
    ...(ggmlType === undefined ? {} : { ggmlType }),
    blockSize: 1,
    fields: [{ name: "value", bytes, role: "codes" as const, meaning }],
  });
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
