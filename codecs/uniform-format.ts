/** Shorthand for the shape of self-contained blocks. */
import { withBlockBytes } from "./codec.ts";
import type { BlockFormat, Field } from "./codec.ts";

/** The facts of a self-contained block. */
export function uniformFormat<T extends Omit<BlockFormat, "kind" | "blockBytes">>(
  facts: T,
): T & { readonly kind: "uniform"; readonly blockBytes: number } {
  return withBlockBytes({ ...facts, kind: "uniform" as const });
}

/** A field that is said once per block or group. */
export function scaleField(name: string, bytes: number, meaning: string): Field {
  return { name, bytes, role: "scale", meaning };
}

/** A scale or minimum that is one f16. */
export function halfField(name: string, meaning: string): Field {
  return { name, bytes: 2, role: "scale", meaning: `${meaning}, f16`, number: "f16" };
}

/** A field of codes. */
export function codesField(name: string, bytes: number, meaning: string): Field {
  return { name, bytes, role: "codes", meaning };
}
