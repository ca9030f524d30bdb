/**
 * How a tensor of ours is stored in a GGUF file.
 *
 * A stock type in rows is stored as itself. Everything else (codebook types, interleaved rows) has no number that
 * llama.cpp knows, and borrowing one would make other programs compute garbage; such a tensor is carried as signed
 * bytes, `[bytes per row, rows, slices ...]`, which every reader can open and list, and the manifest says what they
 * mean.
 */
import { rowBytes, type BlockFormat } from "../../codecs/codec.ts";
import type { Compat } from "../../layouts/compat.ts";
import { findStoredTypeOf, I8_TYPE } from "../read/gguf/gguf-types.ts";

/** What the tensor list of the file says. */
export interface Carrier {
  readonly ggmlType: number;
  /** Innermost first. */
  readonly shape: readonly number[];
}

/**
 * The carrier of a tensor.
 * @param format block format; the row length must be a multiple of its block size
 * @param shape logical shape, innermost first
 * @param compat a program for which interleaved types get the numbers that it knows
 */
export function carrierOf(format: BlockFormat, layout: string, shape: readonly number[], compat?: Compat): Carrier {
  const stored = layout === "rows" || compat !== undefined ? findStoredTypeOf(format.name, layout) : undefined;
  if (stored !== undefined) return { ggmlType: stored.id, shape };
  return { ggmlType: I8_TYPE, shape: [rowBytes(format, shape[0]!), ...shape.slice(1)] };
}
