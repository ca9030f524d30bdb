/**
 * Reading stored weights: a range of a tensor's rows by position into memory that the caller owns (a view on a
 * worker's WebAssembly memory), without opening or seeking anything, so that any thread may read any range.
 */
import { closeSync, fstatSync, readSync } from "node:fs";
import { QuantizeError } from "../errors.ts";
import { changedError, changeOf, ioError, openInput } from "./input-file.ts";
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

/** Bytes a tensor takes where it is stored. */
export function storedBytes(tensor: Tensor): number {
  return tensor.extents.reduce((sum, extent) => sum + extent.byteLength, 0);
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
  const source: Source = { files, fds, tensor };
  if (tensor.rotaryHeads === undefined) {
    readStored(source, startRow * rowBytes, out);
  } else if (tensor.shape.length === 1) {
    // A bias: what is reordered are its elements.
    const length = tensor.shape[0]!;
    readRotary(source, tensor.rotaryHeads, length, rowBytes / length, startRow * length, endRow * length, out);
  } else {
    readRotary(source, tensor.rotaryHeads, rows, rowBytes, startRow, endRow, out);
  }
}

interface Source {
  readonly files: Model["files"];
  readonly fds: readonly number[];
  readonly tensor: Tensor;
}

/** Fills `out` with the tensor's stored bytes from `byteOffset` on, across extents. */
function readStored({ files, fds, tensor }: Source, byteOffset: number, out: Uint8Array): void {
  let extentStart = 0;
  let done = 0;
  for (const extent of tensor.extents) {
    const extentEnd = extentStart + extent.byteLength;
    if (done < out.length && byteOffset + done < extentEnd) {
      const within = byteOffset + done - extentStart;
      const count = Math.min(out.length - done, extent.byteLength - within);
      const part = out.subarray(done, done + count);
      if (extent.bytes !== undefined) part.set(extent.bytes.subarray(within, within + count));
      else readFully(fds[extent.file]!, files[extent.file]!.path, extent.byteOffset + within, part);
      done += count;
    }
    extentStart = extentEnd;
  }
}

function readFully(fd: number, path: string, position: number, out: Uint8Array): void {
  let done = 0;
  while (done < out.length) {
    let count: number;
    try {
      count = readSync(fd, out, done, out.length - done, position + done);
    } catch (cause) {
      throw ioError(path, `cannot be read at byte ${position + done}`, cause);
    }
    if (count === 0) throw new QuantizeError("io", `${path}: became shorter than byte ${position + out.length}`);
    done += count;
  }
}

/**
 * Reads rows in ggml's rotary order from a projection in Hugging Face's: within a head of d rows, row 2i + j comes
 * from row j * d/2 + i. Whole heads arrive in one read and are reordered in place, head by head; of a head that is
 * cut by the range, each half is one run of rows.
 */
function readRotary(
  source: Source,
  heads: number,
  rows: number,
  rowBytes: number,
  startRow: number,
  endRow: number,
  out: Uint8Array,
): void {
  const headRows = rows / heads;
  const scratch = new Uint8Array(headRows * rowBytes);
  const firstWhole = Math.ceil(startRow / headRows) * headRows;
  const lastWhole = Math.floor(endRow / headRows) * headRows;
  if (firstWhole < lastWhole) {
    const whole = out.subarray((firstWhole - startRow) * rowBytes, (lastWhole - startRow) * rowBytes);
    readStored(source, firstWhole * rowBytes, whole);
    for (let offset = 0; offset < whole.length; offset += scratch.length) {
      const head = whole.subarray(offset, offset + scratch.length);
      scratch.set(head);
      interleaveHalves(scratch, rowBytes, headRows / 2, 0, headRows, head);
    }
  }
  for (const [start, end] of partsOutside(startRow, endRow, firstWhole, lastWhole)) {
    const headStart = Math.floor(start / headRows) * headRows;
    const from = Math.floor((start - headStart) / 2);
    const to = Math.ceil((end - headStart) / 2);
    for (const half of [0, headRows / 2]) {
      const run = scratch.subarray((half + from) * rowBytes, (half + to) * rowBytes);
      readStored(source, (headStart + half + from) * rowBytes, run);
    }
    const part = out.subarray((start - startRow) * rowBytes, (end - startRow) * rowBytes);
    interleaveHalves(scratch, rowBytes, headRows / 2, start - headStart, end - headStart, part);
  }
}

/** The rows of `[start, end)` that lie in heads which the range does not hold whole: at most two ranges. */
function partsOutside(start: number, end: number, firstWhole: number, lastWhole: number): [number, number][] {
  if (firstWhole > lastWhole) return [[start, end]];
  const parts: [number, number][] = [
    [start, firstWhole],
    [lastWhole, end],
  ];
  return parts.filter(([from, to]) => from < to);
}

/** Rows `[start, end)` of the interleaved head: even rows from its first half, odd rows from its second. */
function interleaveHalves(
  head: Uint8Array,
  rowBytes: number,
  halfRows: number,
  start: number,
  end: number,
  out: Uint8Array,
): void {
  for (let row = start; row < end; row++) {
    const from = ((row & 1) * halfRows + (row >> 1)) * rowBytes;
    const to = (row - start) * rowBytes;
    out.set(head.subarray(from, from + rowBytes), to);
  }
}
