/** Shorthand for the shape of ggml's block formats. */
import { withBlockBytes } from "./codec.ts";
import type { BlockFormat, Field } from "./codec.ts";

/** The shape of a self-contained block of `blockSize` weights. */
export function uniformFormat(
  name: string,
  ggmlType: number,
  blockSize: number,
  fields: readonly Field[],
): BlockFormat & { readonly kind: "uniform" } {
  return withBlockBytes({ name, kind: "uniform" as const, ggmlType, blockSize, fields });
}

/** A field that is said once per block or group. */
export function scaleField(name: string, bytes: number, meaning: string): Field {
  return { name, bytes, role: "scale", meaning };
}

/** A field of codes. */
export function codesField(name: string, bytes: number, meaning: string): Field {
  return { name, bytes, role: "codes", meaning };
}
