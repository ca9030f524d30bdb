/**
 * What the encoder needs of a codebook, computed once and laid out as one relocatable run of bytes: the scalar encoder
 * reads it where it is, a WebAssembly encoder reads a copy of it in its memory. Tables and levels are padded to 256.
 *
 * How to use it from outside: `const image = prepareCodebook(format, codebook, effort)`, copy `image` (its length is
 * the byte size, a multiple of 16, for q4_cb with 256 tables about 150 KiB) to any 16-byte aligned address of the
 * module's memory, and pass that address as `codebook` to `encode_<format>` and `decode_<format>`. Decoding alone is
 * served by the much smaller `prepareDecoding(format, codebook)`. The image holds the encoder's scratch at its end, so
 * that each thread needs its own copy; it holds no pointers, so that a copy may be moved.
 *
 * The search: `u`, a group scaled so that its largest weight is about 120 in units of table entries, is put in bins;
 * `errors[bin][table]` is the squared distance of the bin's centre to the table's nearest entry, so that a sum of rows
 * is the error of all tables at once.
 */
import type { Codebook, CodebookFormat, Effort } from "../codec.ts";

/** Positions of the 32-bit words of the header. */
export const WORD = {
  groupSize: 0,
  /** Entries (or points) per table. */
  points: 1,
  dimension: 2,
  tableCount: 3,
  levelCount: 4,
  /** Scales that are tried for all tables. */
  trials: 5,
  /** Tables that are refined exactly. */
  refined: 6,
  /** Index of the level that is zero, or -1. */
  zeroLevel: 7,
  /** 1 when there are negative levels: groups are then mirrored so that their largest weight is positive. */
  mirrored: 8,
  /** The block that decodes nearest to zero: level, table, code. */
  zeroBlock: 9,
  /** Byte offsets from the start of the image. */
  tables: 10,
  levels: 11,
  /**
   * Per table, for its `points`: i16 thresholds between neighbouring entries, in 1/64 entry, the last one unused; for
   * tables of points, two i16 coordinates and an i32, half the square norm in units of 1/64.
   */
  thresholds: 12,
  errors: 13,
  scratch: 14,
  /** Tables, rounded up to whole vectors: the length of a row of `errors`. */
  stride: 15,
  /** Bins on one axis. */
  bins: 16,
  codeBits: 17,
  /** 1 while there are no levels: scales are then not rounded. */
  freeLevels: 18,
  /** f32: bins per table entry up to the knee, bins per entry beyond it, and what is added there. */
  innerBins: 19,
  outerBins: 20,
  binOffset: 21,
  /** Byte offsets again. i8 per table and point: thresholds for weights in whole entries. */
  unitThresholds: 22,
  /** f32: every sixteenth of 256 levels, then all of them, padded with infinities. */
  sortedLevels: 23,
  /** f32 x trials: table units per largest weight. */
  trialScale: 24,
  /** i32 x trials, Q15: makes errors at one trial scale comparable with those at others. */
  trialFactor: 44,
} as const;

export const HEADER_BYTES = 256;
/** Tables are made so that a group's largest weight falls near this entry. */
export const REACH = 120;
/** The bins cover entries up to this magnitude; up to the knee they are narrower, for groups with an outlier. */
const BIN_RANGE = 141;
const BIN_KNEE = 30;
/** Errors of absent tables: beyond every sum that matters. */
export const FAR = 255;
const SCRATCH_BYTES = 2048;

/** Trial scales and refined tables: few tables leave time for more scales; the finer the codes, the closer they lie. */
function searchSize(
  effort: Effort,
  tables: number,
  codeBits: number,
): { readonly trials: readonly number[]; readonly refined: number } {
  // Few tables do not hold a shape and its mirror image both: half the trials are mirrored.
  if (tables <= 4) {
    const trials = effort === "best" ? spread(10, 0.25) : effort === "normal" ? spread(7, 0.2) : spread(4, 0.15);
    return { trials: [...trials, ...trials.map((factor) => -factor)], refined: effort === "best" ? 8 : 4 };
  }
  const few = tables <= 32;
  if (effort === "best") return { trials: spread(few ? 16 : 9, few ? 0.25 : 0.12), refined: 8 };
  if (effort === "normal") {
    const width = codeBits === 5 ? 0.03 : 0.05;
    return { trials: spread(few ? 9 : 3, few ? 0.2 : width), refined: 3 };
  }
  return { trials: spread(few ? 5 : 1, few ? 0.15 : 0), refined: 2 };
}

/** `count` factors from 1 - width to 1 + width. */
function spread(count: number, width: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => (count === 1 ? 1 : 1 + width * ((2 * i) / (count - 1) - 1)));
}

/** Tables and levels only: what `decode_<format>` reads. */
export function prepareDecoding(format: CodebookFormat, codebook: Codebook): Uint8Array {
  const image = new Uint8Array(HEADER_BYTES + 256 * format.tableLength + 1024);
  writeCodebook(format, codebook, image);
  return image;
}

function writeCodebook(format: CodebookFormat, { tables, levels }: Codebook, image: Uint8Array): Int32Array {
  const header = new Int32Array(image.buffer, image.byteOffset, HEADER_BYTES / 4);
  header[WORD.groupSize] = format.blockSize;
  header[WORD.points] = 1 << format.codeBits;
  header[WORD.dimension] = format.dimension;
  header[WORD.codeBits] = format.codeBits;
  header[WORD.tableCount] = tables.length / format.tableLength;
  header[WORD.levelCount] = levels.length;
  header[WORD.tables] = HEADER_BYTES;
  header[WORD.levels] = HEADER_BYTES + 256 * format.tableLength;
  new Int8Array(image.buffer, image.byteOffset + header[WORD.tables]!).set(tables);
  new Float32Array(image.buffer, image.byteOffset + header[WORD.levels]!).set(levels);
  return header;
}

/** Where the parts of an encoder's image lie. */
function imageShape(format: CodebookFormat, tableCount: number) {
  const points = 1 << format.codeBits;
  const stride = (tableCount + 15) & ~15;
  const rows = binCount(format) ** format.dimension;
  const thresholdsAt = HEADER_BYTES + 256 * format.tableLength + 1024;
  const unitThresholdsAt = thresholdsAt + 256 * points * (format.dimension === 1 ? 2 : 8);
  const sortedLevelsAt = unitThresholdsAt + (format.dimension === 1 ? 256 * points : 0);
  const errorsAt = sortedLevelsAt + (16 + 256) * 4;
  const scratchAt = errorsAt + rows * stride;
  const byteLength = scratchAt + SCRATCH_BYTES;
  return { stride, rows, thresholdsAt, unitThresholdsAt, sortedLevelsAt, errorsAt, scratchAt, byteLength };
}

/** Bytes of what `prepareCodebook` returns for a codebook of `tableCount` tables; `prepareDecoding` takes fewer. */
export function preparedBytes(format: CodebookFormat, tableCount: number): number {
  return imageShape(format, tableCount).byteLength;
}

/**
 * All that the encoder needs.
 * @param codebook without levels while they are not known: scales are then left as they are
 * @throws RangeError when levels, or the entries of a table of single weights, do not ascend
 */
export function prepareCodebook(format: CodebookFormat, codebook: Codebook, effort: Effort): Uint8Array {
  const tableCount = codebook.tables.length / format.tableLength;
  const { stride, rows, errorsAt, byteLength } = imageShape(format, tableCount);
  const image = new Uint8Array(byteLength);
  image.set(prepareTables(format, codebook, effort));
  const errors = new Uint8Array(image.buffer, errorsAt, rows * stride).fill(FAR);
  const fill = format.dimension === 1 ? fillErrors : fillPairErrors;
  fill(codebook.tables, 1 << format.codeBits, binCentres(format), stride, errorUnit(format, tableCount), errors);
  return image;
}

/** The image up to its errors, for one who fills those in where the image will lie. */
export function prepareTables(format: CodebookFormat, codebook: Codebook, effort: Effort): Uint8Array {
  const { tables, levels } = codebook;
  const points = 1 << format.codeBits;
  const tableCount = tables.length / format.tableLength;
  checkAscending(format, codebook, points);
  const shape = imageShape(format, tableCount);
  const image = new Uint8Array(shape.errorsAt);
  const header = writeCodebook(format, codebook, image);
  const floats = new Float32Array(image.buffer, 0, HEADER_BYTES / 4);
  const { trials, refined } = searchSize(effort, tableCount, format.codeBits);
  header[WORD.trials] = trials.length;
  header[WORD.refined] = refined;
  header[WORD.zeroLevel] = levels.indexOf(0);
  header[WORD.freeLevels] = levels.length === 0 ? 1 : 0;
  header[WORD.mirrored] = levels.length === 0 || levels[0]! < 0 ? 1 : 0;
  header[WORD.zeroBlock] = nearestToZero(format, codebook);
  header[WORD.thresholds] = shape.thresholdsAt;
  header[WORD.unitThresholds] = shape.unitThresholdsAt;
  header[WORD.sortedLevels] = shape.sortedLevelsAt;
  header[WORD.errors] = shape.errorsAt;
  header[WORD.scratch] = shape.scratchAt;
  header[WORD.stride] = shape.stride;
  header[WORD.bins] = binCount(format);
  const { inner, outer, offset } = binScale(format);
  floats[WORD.innerBins] = inner;
  floats[WORD.outerBins] = outer;
  floats[WORD.binOffset] = offset;
  trials.forEach((factor, i) => {
    floats[WORD.trialScale + i] = REACH * factor;
    header[WORD.trialFactor + i] = Math.min(32767, Math.round(32768 * (trials[0]! / factor) ** 2));
  });
  const sortedLevels = new Float32Array(image.buffer, shape.sortedLevelsAt, 16 + 256).fill(Infinity);
  sortedLevels.set(levels, 16);
  for (let i = 0; i < 16; i++) sortedLevels[i] = sortedLevels[16 + 16 * i + 15]!;
  if (format.dimension === 1) {
    const thresholds = new Int16Array(image.buffer, shape.thresholdsAt, 256 * points);
    const unitThresholds = new Int8Array(image.buffer, shape.unitThresholdsAt, 256 * points);
    for (let at = 0; at < tables.length; at++) {
      if ((at + 1) % points === 0) continue;
      const sum = tables[at]! + tables[at + 1]!;
      thresholds[at] = sum * 32;
      unitThresholds[at] = sum >> 1;
    }
  } else {
    const packed = new Int32Array(image.buffer, shape.thresholdsAt, 256 * points * 2);
    for (let t = 0; t < tableCount; t++) {
      for (let q = 0; q < points; q++) {
        const first = tables[t * format.tableLength + q]!;
        const second = tables[t * format.tableLength + points + q]!;
        packed[(t * points + q) * 2] = (first & 0xffff) | (second << 16);
        packed[(t * points + q) * 2 + 1] = (first * first + second * second) * 32;
      }
    }
  }
  return image;
}

/**
 * Unit of the errors. The sum over a group must fit a byte: what a good table leaves comes to about 80, with few tables
 * there is room for twice that. Rounding costs the search 0.1% of error, halves its time and its memory.
 */
export function errorUnit({ codeBits, dimension, blockSize }: CodebookFormat, tables: number): number {
  const unit =
    dimension === 2 ? (codeBits === 4 ? 1 / 64 : 1 / 16) : codeBits === 5 ? 1 : codeBits === 4 ? 1 / 4 : 1 / 16;
  return (unit * (blockSize === 64 ? 0.5 : 1)) / (tables <= 8 ? 2 : 1);
}

/** A magnitude a lies in bin min(a * inner, a * outer + offset), rounded, on its side of the middle bin. */
interface BinScale {
  readonly inner: number;
  readonly outer: number;
  readonly offset: number;
}

/** Bins on one axis. */
function binCount({ dimension }: CodebookFormat): number {
  return dimension === 1 ? 256 : 40;
}

function binScale(format: CodebookFormat): BinScale {
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

function checkAscending(format: CodebookFormat, { tables, levels }: Codebook, points: number): void {
  for (let i = 1; i < levels.length; i++) {
    if (levels[i]! < levels[i - 1]!) throw new RangeError(`${format.name}: scale level ${i} is below level ${i - 1}`);
  }
  if (format.dimension === 2) return;
  for (let i = 1; i < tables.length; i++) {
    if (i % points !== 0 && tables[i]! < tables[i - 1]!) {
      throw new RangeError(`${format.name}: table ${Math.floor(i / points)} does not ascend at entry ${i % points}`);
    }
  }
}

/** The (level, table, code) that decodes nearest to zero, as `level | table << 8 | code << 16`. */
function nearestToZero(format: CodebookFormat, { tables, levels }: Codebook): number {
  const level = levels.reduce((best, value, i) => (Math.abs(value) < Math.abs(levels[best]!) ? i : best), 0);
  const points = 1 << format.codeBits;
  let least = Infinity;
  let found = 0;
  for (let t = 0; t < tables.length / format.tableLength; t++) {
    for (let q = 0; q < points; q++) {
      let norm = 0;
      for (let d = 0; d < format.dimension; d++) {
        const entry = tables[t * format.tableLength + d * points + q]!;
        // A level of zero leaves the sign of the entry: +0 is wanted.
        norm += levels[level] === 0 ? (entry < 0 ? 1 : 0) : entry * entry;
      }
      if (norm < least) {
        least = norm;
        found = level | (t << 8) | (q << 16);
      }
    }
  }
  return found;
}

/** Errors of bin centres for tables of single weights: entries ascend, so the nearest one moves up with the bin. */
function fillErrors(
  tables: Int8Array,
  points: number,
  centres: Float64Array,
  stride: number,
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
      errors[bin * stride + t] = Math.min(FAR, Math.floor(distance * distance * unit + 0.5));
    }
  }
}

/** The same for tables of points, in f32: rows are numbered by second coordinate, then first. */
function fillPairErrors(
  tables: Int8Array,
  points: number,
  centres: Float64Array,
  stride: number,
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
      // Half a unit more, and the fraction cut off.
      errors[row * stride + t] = Math.min(FAR, Math.floor(fround(fround(least * unit) + 0.5)));
    }
  }
}
