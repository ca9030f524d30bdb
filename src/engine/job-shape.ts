/** Everything about a job that follows from its names and shape: formats, weaves, sizes of a row and of a chunk. */
import { rowBytes, type Codec, type CodebookFormat } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import type { Weave } from "../../layouts/layout.ts";
import { findWeave } from "../../layouts/registry.ts";
import { rowCount, sliceCount } from "../read/model.ts";
import { rowsPerBand } from "./bands.ts";
import { rowsPerChunk } from "./chunks.ts";
import type { TensorJob } from "./tasks.types.ts";

/** One side of a job. */
export interface JobSide {
  readonly format: Codec | CodebookFormat;
  readonly weave: Weave;
  /** Bytes of one row. */
  readonly rowBytes: number;
}

export interface JobShape {
  readonly rowLength: number;
  /** Rows of one slice. */
  readonly sliceRows: number;
  readonly source: JobSide;
  readonly target: JobSide;
  /** The target's block format is the source's: bytes are woven anew, not encoded. */
  readonly isCopy: boolean;
  readonly isComparison: boolean;
  readonly chunkRows: number;
}

function sideOf(codec: string, layout: string, rowLength: number): JobSide {
  const format = findFormat(codec);
  if (format === undefined) throw new RangeError(`unknown codec "${codec}"`);
  const weave = findWeave(format, layout);
  if (weave === undefined) throw new RangeError(`codec ${codec} has no layout "${layout}"`);
  return { format, weave, rowBytes: rowBytes(format, rowLength) };
}

/** @throws RangeError for names that do not exist; plans have none */
export function jobShape({ tensor, codec, layout, written }: TensorJob): JobShape {
  const rowLength = tensor.shape[0]!;
  const source = sideOf(tensor.codec, tensor.layout, rowLength);
  const target = sideOf(codec, layout, rowLength);
  const groups = [source.weave.rowsPerGroup, target.weave.rowsPerGroup] as const;
  const sliceRows = rowCount(tensor.shape) / sliceCount(tensor.shape);
  const chunkRows = rowsPerChunk(rowLength, Math.max(...groups));
  return {
    rowLength,
    sliceRows,
    source,
    target,
    isCopy: source.format === target.format && written === undefined,
    isComparison: written !== undefined,
    chunkRows: Math.min(chunkRows, rowsPerBand(rowLength), sliceRows),
  };
}
