/**
 * Reading stored weights: a range of a tensor's rows by position into memory that the caller owns (a view on a
 * worker's WebAssembly memory), without opening or seeking anything, so that any thread may read any range.
 */
import { closeSync, fstatSync } from "node:fs";
import { byteSource, type ByteSource } from "./byte-source.ts";
import { changedError, changeOf, openInput } from "./input-file.ts";
import { partsElementBytes, partsLength, readParts } from "./read-parts.ts";
import { rowCount, type Model, type Tensor } from "./model.ts";

/**
 * Opens all files of a model for reading; index as in `Model.files`. Each thread opens its own.
 * @throws QuantizeError `io` when one is gone, or is not what it was when its header was read
 */
export function openModelFiles(files: Model["files"]): number[] {
  const fds: number[] = [];
  try {
    for (const file of files) {
      const { fd } = openInput(file.path);
      fds.push(fd);
      const { change, what } = changeOf(file, fstatSync(fd, { bigint: true }));
      if (change === "changed") throw changedError(file.path, what);
    }
    return fds;
  } catch (error) {
    closeModelFiles(fds);
    throw error;
  }
}

/** Closes what `openModelFiles` opened. */
export function closeModelFiles(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd);
}

/** Bytes a tensor takes as it is read. */
export function storedBytes({ extents, parts }: Tensor): number {
  if (parts !== undefined) return partsLength(parts) * partsElementBytes(parts);
  return extents.reduce((sum, extent) => sum + extent.byteLength, 0);
}

/** Bytes of its learned tables and scale levels, 0 when it has none. */
export function storedCodebookBytes({ codebooks = [] }: Tensor): number {
  return codebooks.reduce((sum, { tables, levels }) => sum + tables.byteLength + levels.byteLength, 0);
}

/**
 * Reads rows `[startRow, endRow)` (all slices counted) as they are stored. For a packed tensor both ends must be
 * multiples of the layout's rows per group: then these bytes are whole groups.
 * @param files of the model, for error messages
 * @param fds from `openModelFiles`
 * @param out receives `(endRow - startRow) * storedBytes / rows` bytes, and must be exactly as long
 * @throws RangeError for rows the tensor does not have, or an `out` of another length
 * @throws QuantizeError `io` when the system cannot read
 */
export function readTensorRows(
  files: Model["files"],
  fds: readonly number[],
  tensor: Tensor,
  startRow: number,
  endRow: number,
  out: Uint8Array,
): void {
  const rows = rowCount(tensor.shape);
  const rowBytes = storedBytes(tensor) / rows;
  if (!(startRow >= 0 && startRow <= endRow && endRow <= rows)) {
    throw new RangeError(`${tensor.name}: rows ${startRow} to ${endRow} of ${rows}`);
  }
  if (out.length !== (endRow - startRow) * rowBytes) {
    throw new RangeError(`${tensor.name}: ${endRow - startRow} rows of ${rowBytes} bytes into ${out.length}`);
  }
  const source = byteSource(files, fds);
  if (tensor.parts === undefined) readStored(source, tensor, startRow * rowBytes, out);
  else readParts(source, tensor.parts, (startRow * rowBytes) / partsElementBytes(tensor.parts), out);
}

/** Fills `out` with the tensor's stored bytes from `byteOffset` on, across extents. */
function readStored(source: ByteSource, { extents }: Tensor, byteOffset: number, out: Uint8Array): void {
  let extentStart = 0;
  let done = 0;
  for (const extent of extents) {
    const extentEnd = extentStart + extent.byteLength;
    if (done < out.length && byteOffset + done < extentEnd) {
      const within = byteOffset + done - extentStart;
      const count = Math.min(out.length - done, extent.byteLength - within);
      source.read(extent, within, out.subarray(done, done + count));
      done += count;
    }
    extentStart = extentEnd;
  }
}
