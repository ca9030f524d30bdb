/**
 * Adapting what was asked for to what a tensor's shape allows: block sizes along the row, groups of rows in a layout.
 */
import { findFormat } from "../../codecs/registry.ts";
import { findLayout } from "../../layouts/registry.ts";
import { rowCount, sliceCount, type Tensor } from "../read/model.ts";
import { resolveLayout } from "./recipes/resolve-target.ts";
import { rowsFit, shapeFallback } from "./recipes/shape-fallback.ts";
import { isRowLookup } from "./recipes/tensor-role.ts";

/** What was asked for, for one tensor. */
export interface TypeRequest {
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

/** A type that GGUF can hold without loss of the tensor's values: its own, where GGUF has a number for it. */
export function storableType(tensor: Tensor): string {
  const format = findFormat(tensor.codec);
  return format === undefined || format.ggmlType !== undefined || format.kind === "codebook" ? tensor.codec : "f16";
}

/** Why the rows of a tensor cannot take a layout, or undefined when they can. */
function layoutProblem(codec: string, layoutName: string, rows: number): string | undefined {
  if (layoutName === "rows") return undefined;
  const format = findFormat(codec);
  const layout = format === undefined ? undefined : findLayout(format, layoutName);
  if (layout === undefined) return `${codec} does not come in ${layoutName}`;
  return rows % layout.rowsPerGroup === 0 ? undefined : `${rows} rows do not divide by ${layout.rowsPerGroup}`;
}

/** Floats have nothing to interleave, and tensors read by row number must keep their rows whole. */
function isPackable(tensor: Tensor, codec: string): boolean {
  const format = findFormat(codec);
  return format !== undefined && format.kind !== "float" && !isRowLookup(tensor.name);
}

/**
 * Adapts a request to the tensor's shape: what the tensor becomes. The type decides first: a tensor that falls back to
 * another type still takes the layout, if it can.
 * @param keep where the type does not fit, leave the tensor as it is stored instead of taking the nearest type
 */
export function adaptToShape(tensor: Tensor, request: TypeRequest, keep: boolean): TypeChoice {
  const { tables } = request;
  const wanted = request.type === "keep" ? storableType(tensor) : request.type;
  let codec = wanted;
  let reason = request.type === "keep" ? `${request.reason}: keep` : request.reason;
  let isFallback = false;
  if (wanted !== tensor.codec && !rowsFit(wanted, tensor.shape[0]!)) {
    codec = keep ? storableType(tensor) : shapeFallback(wanted, tensor.shape[0]!);
    const blockSize = findFormat(wanted)!.blockSize;
    reason = `${keep ? "kept" : "fallback"}: rows of ${tensor.shape[0]} do not divide by ${blockSize} (${wanted})`;
    isFallback = true;
  }
  const rows = rowCount(tensor.shape) / sliceCount(tensor.shape);
  const layout = isPackable(tensor, codec) ? resolveLayout(request.layout, findFormat(codec), rows) : "rows";
  const problem = layoutProblem(codec, layout, rows);
  if (problem === undefined) return { tensor, codec, layout, tables, reason, isFallback };
  return { tensor, codec, layout: "rows", tables, reason: isFallback ? reason : `rows: ${problem}`, isFallback: true };
}
