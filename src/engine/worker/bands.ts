/**
 * How a tensor is cut into bands of rows, the smallest unit of work, of hashing and of summing.
 *
 * A band is the smallest multiple of `ROW_MULTIPLE` rows that holds at least 2^20 weights, and never crosses a slice
 * (2-D matrix). The cut depends on the shape alone, not on threads, memory, codec or layout: error sums and hashes are
 * taken per band and combined in band order, so a report is the same however the work was spread. 2^20 weights take a
 * few milliseconds, long beside a call to the system, short beside a tensor.
 *
 * A band is read and written in one piece. In between the arithmetic goes strip by strip, so that all that a strip
 * passes through (f32 weights, blocks, decoded weights) stays in a core's nearest caches.
 */
import { ROW_MULTIPLE } from "../../../layouts/layout.ts";
import { rowCount, sliceCount } from "../../read/model.ts";

const MIN_BAND_WEIGHTS = 2 ** 20;
/** f32 weights and their decoded twins take 256 KiB. Half of it costs more in calls, twice as much more in misses. */
const STRIP_WEIGHTS = 2 ** 15;

/** Rows `[startRow, endRow)` of a tensor, counted over all slices; all of them lie in slice `slice`. */
export interface Band {
  readonly slice: number;
  readonly startRow: number;
  readonly endRow: number;
}

/** Rows in every band of a slice but its last, which may have fewer. */
export function rowsPerBand(rowLength: number): number {
  return Math.ceil(MIN_BAND_WEIGHTS / (rowLength * ROW_MULTIPLE)) * ROW_MULTIPLE;
}

/**
 * Rows in every strip of a band but its last, which may have fewer.
 * @param rowMultiple rows that belong together: the group of rows of the layouts on both sides
 */
export function rowsPerStrip(rowLength: number, rowMultiple: number): number {
  return Math.max(1, Math.floor(STRIP_WEIGHTS / (rowLength * rowMultiple))) * rowMultiple;
}

/** All bands of a tensor, in row order. */
export function bandsOf(shape: readonly number[]): Band[] {
  const slices = sliceCount(shape);
  const sliceRows = rowCount(shape) / slices;
  const step = rowsPerBand(shape[0]!);
  const bands: Band[] = [];
  for (let slice = 0; slice < slices; slice++) {
    for (let row = 0; row < sliceRows; row += step) {
      const base = slice * sliceRows;
      bands.push({ slice, startRow: base + row, endRow: base + Math.min(row + step, sliceRows) });
    }
  }
  return bands;
}
