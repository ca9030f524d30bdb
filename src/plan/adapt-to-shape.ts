/** Adapting what was asked for to what a tensor's shape allows: block sizes along the row, groups of rows in a layout. */
import { isQuantized } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { findLayout } from "../../layouts/registry.ts";
import { rowCount, sliceCount, type Tensor } from "../read/model.ts";
import type { Chooser, Misfit, Reason } from "./reason.ts";
import { resolveLayout } from "./recipes/resolve-target.ts";
import { rowsFit, shapeFallback } from "./recipes/shape-fallback.ts";
import { isRowLookup } from "./recipes/tensor-role.ts";

/** What was asked for, for one tensor. */
export interface TypeRequest {
  /** A type's registry name, or `keep`. */
  readonly type: string;
  readonly layout: string;
  readonly tables: number | "auto";
  readonly chooser: Chooser;
  /** The rule that asks for it names the type in which the tensor is stored. */
  readonly namesStored?: boolean;
}

/** What a tensor becomes, before sizes. */
export interface TypeChoice {
  readonly tensor: Tensor;
  readonly codec: string;
  readonly layout: string;
  readonly tables: number | "auto";
  readonly reason: Reason;
}

/** A type that a GGUF file can hold without loss of the tensor's values: its own, but for floats without a number. */
export function storableType({ codec }: Tensor): string {
  const format = findFormat(codec);
  return format?.kind === "float" && format.ggmlType === undefined ? "f16" : codec;
}

/** Why the rows of a tensor cannot take a layout, or undefined when they can. */
function layoutMisfit(codec: string, layoutName: string, rows: number): Misfit | undefined {
  if (layoutName === "rows") return undefined;
  const layout = findLayout(findFormat(codec)!, layoutName);
  if (layout === undefined) return { code: "no-layout", codec, layout: layoutName };
  const { rowsPerGroup } = layout;
  return rows % rowsPerGroup === 0 ? undefined : { code: "group-misfit", rows, rowsPerGroup };
}

/** Why the rows of a tensor cannot be cut into blocks of a type, or undefined when they can. */
function blockMisfit(codec: string, rowLength: number): Misfit | undefined {
  if (rowsFit(codec, rowLength)) return undefined;
  return { code: "block-misfit", codec, rowLength, blockSize: findFormat(codec)!.blockSize };
}

/** Plain numbers have nothing to interleave, and tensors read by row number must keep their rows whole. */
function isPackable(tensor: Tensor, codec: string): boolean {
  const format = findFormat(codec);
  return format !== undefined && isQuantized(format) && !isRowLookup(tensor.name);
}

/**
 * Adapts a request to the tensor's shape: what the tensor becomes. The type decides first: a tensor that falls back to another type still takes the
 * layout, if it can.
 * @param keepsMisfits where the type does not fit, leave the tensor as it is stored instead of taking the nearest type
 */
export function adaptToShape(tensor: Tensor, request: TypeRequest, keepsMisfits: boolean): TypeChoice {
  const { tables, chooser } = request;
  const keeps = request.type === "keep";
  const wanted = keeps ? storableType(tensor) : request.type;
  const rowLength = tensor.shape[0]!;
  const typeMisfit = wanted === tensor.codec ? undefined : blockMisfit(wanted, rowLength);
  const instead = keepsMisfits ? storableType(tensor) : shapeFallback(wanted, rowLength);
  const codec = typeMisfit === undefined ? wanted : instead;
  const rows = rowCount(tensor.shape) / sliceCount(tensor.shape);
  const layout = isPackable(tensor, codec) ? resolveLayout(request.layout, findFormat(codec), rows) : "rows";
  const rowsMisfit = layoutMisfit(codec, layout, rows);
  const misfit = typeMisfit ?? rowsMisfit;
  const reason: Reason =
    misfit === undefined
      ? { code: "chosen", chooser, keeps }
      : { code: "misfit", misfit, keeps: keepsMisfits && misfit === typeMisfit };
  return { tensor, codec, layout: rowsMisfit === undefined ? layout : "rows", tables, reason };
}
