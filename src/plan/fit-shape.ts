/** From what was asked for to what a tensor's shape allows: block sizes along the row, groups of rows in a layout. */
import { isQuantized } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { findWeave } from "../../layouts/registry.ts";
import { rowCount, sliceCount, type Tensor } from "../read/model.ts";
import { resolveLayout } from "./recipes/resolve-target.ts";
import { rowsFit, shapeFallback } from "./recipes/shape-fallback.ts";
import { isRowLookup } from "./recipes/tensor-role.ts";

/** What was asked for, for one tensor. */
export interface Wish {
  /** A type's registry name, or `keep`. */
  readonly type: string;
  readonly layout: string;
  readonly tables: number | "auto";
  /** Who asked: `scheme`, `mix`, `rule 2`, ... */
  readonly reason: string;
  /** The rule that asks for it names the type in which the tensor is stored. */
  readonly namesStored?: boolean;
}

/** What a tensor becomes, before sizes. */
export interface TypeChoice {
  readonly tensor: Tensor;
  readonly codec: string;
  readonly layout: string;
  readonly tables: number | "auto";
  readonly reason: string;
  readonly isFallback: boolean;
}

/** A type that a GGUF file can hold without loss of the tensor's values: its own, but for floats without a number. */
export function storableType({ codec }: Tensor): string {
  const format = findFormat(codec);
  return format?.kind === "float" && format.ggmlType === undefined ? "f16" : codec;
}

/** Why the rows of a tensor cannot take a layout, or undefined when they can. */
function layoutProblem(codec: string, layout: string, rows: number): string | undefined {
  if (layout === "rows") return undefined;
  const format = findFormat(codec);
  const weave = format === undefined ? undefined : findWeave(format, layout);
  if (weave === undefined) return `${codec} does not come in ${layout}`;
  return rows % weave.rowsPerGroup === 0 ? undefined : `${rows} rows do not divide by ${weave.rowsPerGroup}`;
}

/** Plain numbers have nothing to weave, and tensors read by row number must keep their rows whole. */
function isPackable(tensor: Tensor, codec: string): boolean {
  const format = findFormat(codec);
  return format !== undefined && isQuantized(format) && !isRowLookup(tensor.name);
}

/**
 * Fits a wish to the tensor's shape. The type decides first: a tensor that falls back to another type still takes the
 * layout, if it can.
 * @param keep where the type does not fit, leave the tensor as it is stored instead of taking the nearest type
 */
export function fitShape(tensor: Tensor, wish: Wish, keep: boolean): TypeChoice {
  const { tables } = wish;
  const wanted = wish.type === "keep" ? storableType(tensor) : wish.type;
  let codec = wanted;
  let reason = wish.type === "keep" ? `${wish.reason}: keep` : wish.reason;
  let isFallback = false;
  if (wanted !== tensor.codec && !rowsFit(wanted, tensor.shape[0]!)) {
    codec = keep ? storableType(tensor) : shapeFallback(wanted, tensor.shape[0]!);
    const blockSize = findFormat(wanted)!.blockSize;
    reason = `${keep ? "kept" : "fallback"}: rows of ${tensor.shape[0]} do not divide by ${blockSize} (${wanted})`;
    isFallback = true;
  }
  const rows = rowCount(tensor.shape) / sliceCount(tensor.shape);
  const layout = isPackable(tensor, codec) ? resolveLayout(wish.layout, findFormat(codec), rows) : "rows";
  const problem = layoutProblem(codec, layout, rows);
  if (problem === undefined) return { tensor, codec, layout, tables, reason, isFallback };
  return { tensor, codec, layout: "rows", tables, reason: isFallback ? reason : `rows: ${problem}`, isFallback: true };
}
