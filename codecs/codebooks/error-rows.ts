/**
 * The error rows of a prepared codebook: what it costs each table to stand for a weight of a given size.
 *
 * A weight in table units (a group's largest weight is near entry 120) falls into a bin; row `bin` holds, for every
 * table, the squared distance of the bin's centre to the table's nearest entry, as a byte. So the sum of the rows of a
 * group's weights is the error of all tables at once. Of pairs the bins are those of the plane, and the row's number is
 * `bin of the second weight * bins + bin of the first`.
 *
 * Distances are in the unit that `errorUnit` gives, rounded to the nearest, halves up; absent tables have `MAX_ERROR`
 * in every row. src/fit/fit.simd.ts has the twin, with the same bytes.
 */
import type { CodebookFormat } from "../codec.ts";

/** Tables are kept at such a size that a group's largest weight falls near this entry. */
export const PEAK_ENTRY = 120;
/** The bins cover entries up to this magnitude; up to the knee they are narrower, for groups with an outlier. */
const BIN_RANGE = 141;
const BIN_KNEE = 30;

/** The largest error that a byte holds; with it a table is never chosen where there is another. */
export const MAX_ERROR = 255;

/** A magnitude a lies in bin min(a * inner, a * outer + offset), rounded, on its side of the middle bin. */
export interface BinScale {
  readonly inner: number;
  readonly outer: number;
  readonly offset: number;
}

/** Bins on one axis. */
export function binCount({ dimension }: CodebookFormat): number {
  return dimension === 1 ? 256 : 40;
}

/** The scale of a format's bins: linear for pairs, with a knee for single weights. */
export function binScale(format: CodebookFormat): BinScale {
  const bins = binCount(format);
  const side = bins / 2 - 1;
  if (format.dimension === 2) return { inner: side / BIN_RANGE, outer: side / BIN_RANGE, offset: 0 };
  const inner = bins / 128;
  const outer = (side - BIN_KNEE * inner) / (BIN_RANGE - BIN_KNEE);
  return { inner, outer, offset: BIN_KNEE * (inner - outer) };
}

/** The centre of each bin, in table entries; rounded to f32, for the sake of tables of points. */
export function binCentres(format: CodebookFormat): Float64Array {
  const bins = binCount(format);
  const { inner, outer, offset } = binScale(format);
  return Float64Array.from({ length: bins }, (_, bin) => {
    const index = Math.abs(bin - bins / 2);
    return Math.fround(Math.sign(bin - bins / 2) * Math.max(index / inner, (index - offset) / outer));
  });
}

/**
 * Errors are squared distances times this. The sum over a group must fit a byte: what a good table leaves comes to
 * about 80, with few tables there is room for twice that. Rounding costs the search 0.1% of error, halves its time and
 * its memory.
 */
export function errorUnit({ codeBits, dimension, blockSize }: CodebookFormat, tables: number): number {
  const unit =
    dimension === 2 ? (codeBits === 4 ? 1 / 64 : 1 / 16) : codeBits === 5 ? 1 : codeBits === 4 ? 1 / 4 : 1 / 16;
  return (unit * (blockSize === 64 ? 0.5 : 1)) / (tables <= 8 ? 2 : 1);
}

/**
 * Fills all error rows.
 * @param tables as many as there are, not padded
 * @param rowBytes bytes of a row, at least one per table
 * @param errors receives `binCount ** dimension` rows
 */
export function fillErrorRows(format: CodebookFormat, tables: Int8Array, rowBytes: number, errors: Uint8Array): void {
  const points = 1 << format.codeBits;
  const unit = errorUnit(format, tables.length / format.tableLength);
  const fill = format.dimension === 1 ? fillRows : fillPairRows;
  errors.fill(MAX_ERROR);
  fill(tables, points, binCentres(format), rowBytes, unit, errors);
}

/** Tables of single weights: entries ascend, so the nearest one moves up with the bin. */
function fillRows(
  tables: Int8Array,
  points: number,
  centres: Float64Array,
  rowBytes: number,
  unit: number,
  errors: Uint8Array,
): void {
  for (let t = 0; t * points < tables.length; t++) {
    let q = t * points;
    const last = q + points - 1;
    for (let bin = 0; bin < centres.length; bin++) {
      const centre = centres[bin]!;
      while (q < last && Math.abs(tables[q + 1]! - centre) <= Math.abs(tables[q]! - centre)) q++;
      const distance = tables[q]! - centre;
      errors[bin * rowBytes + t] = Math.min(MAX_ERROR, Math.floor(distance * distance * unit + 0.5));
    }
  }
}

/** Tables of points, in f32. */
function fillPairRows(
  tables: Int8Array,
  points: number,
  centres: Float64Array,
  rowBytes: number,
  unit: number,
  errors: Uint8Array,
): void {
  const { fround } = Math;
  const bins = centres.length;
  const rise = new Float32Array(points);
  for (let t = 0; t * points * 2 < tables.length; t++) {
    const at = t * points * 2;
    for (let row = 0; row < bins * bins; row++) {
      const x = centres[row % bins]!;
      const y = centres[Math.floor(row / bins)]!;
      if (row % bins === 0) {
        for (let q = 0; q < points; q++) {
          const difference = fround(tables[at + points + q]! - y);
          rise[q] = difference * difference;
        }
      }
      let least = Infinity;
      for (let q = 0; q < points; q++) {
        const run = fround(tables[at + q]! - x);
        least = Math.min(least, fround(fround(run * run) + rise[q]!));
      }
      errors[row * rowBytes + t] = Math.min(MAX_ERROR, Math.floor(fround(fround(least * unit) + 0.5)));
    }
  }
}
