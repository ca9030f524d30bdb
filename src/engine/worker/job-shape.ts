/** Everything about a job that follows from its names and shape: formats, layouts, sizes of rows, bands and strips. */
import { rowBytes, type Codec, type CodebookFormat } from "../../../codecs/codec.ts";
import { findFormat } from "../../../codecs/registry.ts";
import type { Layout } from "../../../layouts/layout.ts";
import { findLayout } from "../../../layouts/registry.ts";
import { rowCount, sliceCount } from "../../read/model.ts";
import { rowsPerBand, rowsPerStrip } from "./bands.ts";
import type { TensorJob } from "./tasks.types.ts";

/** One side of a job. */
export interface JobSide {
  readonly format: Codec | CodebookFormat;
  readonly layout: Layout;
  /** Bytes of one row. */
  readonly rowBytes: number;
}

export interface JobShape {
  readonly rowLength: number;
  /** Rows of one slice. */
  readonly sliceRows: number;
  readonly source: JobSide;
  readonly target: JobSide;
  /** The target's block format is the source's: bytes are packed anew, not encoded. */
  readonly isCopy: boolean;
  /** A copy whose layout stays the same too: bytes pass as they are. */
  readonly isVerbatim: boolean;
  readonly isComparison: boolean;
  /** Rows that are read and written at a time: the longest band. */
  readonly bandRows: number;
  /** Rows that are worked on at a time. */
  readonly stripRows: number;
}

function sideOf(codec: string, layoutName: string, rowLength: number): JobSide {
  const format = findFormat(codec);
  if (format === undefined) throw new RangeError(`unknown codec "${codec}"`);
  const layout = findLayout(format, layoutName);
  if (layout === undefined) throw new RangeError(`codec ${codec} has no layout "${layoutName}"`);
  return { format, layout, rowBytes: rowBytes(format, rowLength) };
}

/** @throws RangeError for names that do not exist; plans have none */
export function jobShape({ tensor, codec, layout: layoutName, written }: TensorJob): JobShape {
  const rowLength = tensor.shape[0]!;
  const source = sideOf(tensor.codec, tensor.layout, rowLength);
  const target = sideOf(codec, layoutName, rowLength);
  const rowMultiple = Math.max(source.layout.rowsPerGroup, target.layout.rowsPerGroup);
  const sliceRows = rowCount(tensor.shape) / sliceCount(tensor.shape);
  const isCopy = source.format === target.format && written === undefined;
  const bandRows = Math.min(rowsPerBand(rowLength), sliceRows);
  return {
    rowLength,
    sliceRows,
    source,
    target,
    isCopy,
    isVerbatim: isCopy && layoutName === tensor.layout,
    isComparison: written !== undefined,
    bandRows,
    stripRows: Math.min(rowsPerStrip(rowLength, rowMultiple), bandRows),
  };
}
