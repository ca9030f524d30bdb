/**
 * Preparing a codebook: from tables and levels to the bytes that encoder and decoder read (prepared-codebook.ts).
 *
 * How to use it from outside: `const prepared = prepareCodebook(format, codebook, effort)`, copy it (its length is the
 * byte size, a multiple of 16, for q4_cb with 256 tables about 150 KiB) to any 16-byte aligned address of the module's
 * memory, and pass that address as `preparedCodebook` to `encode_<format>` and `decode_<format>`. Decoding and kernels
 * are served by the much smaller `prepareDecoding(format, codebook)`. The encoder's scratch lies at its end, so that
 * each thread needs its own copy.
 */
import type { Codebook, CodebookFormat, Effort } from "../codec.ts";
import { binCount, binScale, fillErrorRows, PEAK_ENTRY } from "./error-rows.ts";
import { HEADER_BYTES, MAX_TRIALS, PADDED_LEVELS, PADDED_TABLES, preparedPlaces, WORD } from "./prepared-codebook.ts";

/** What an effort means for one codebook. */
interface SearchSize {
  /** Factors of the plain scale at which all tables are tried; a negative one mirrors the group. */
  readonly trials: readonly number[];
  /** Tables that are then refined. */
  readonly refined: number;
}

/** Few tables leave time for more trial scales; the finer the codes, the closer they lie. */
function searchSize(effort: Effort, tables: number, codeBits: number): SearchSize {
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

/** Tables and levels only: what `decode_<format>` and the kernels read. */
export function prepareDecoding(format: CodebookFormat, codebook: Codebook): Uint8Array {
  const { thresholds } = preparedPlaces(format, codebook.tables.length / format.tableLength);
  const prepared = new Uint8Array(thresholds);
  writeCodebook(format, codebook, prepared);
  return prepared;
}

/** Header words, tables and levels that decoding needs; returns the header. */
function writeCodebook(format: CodebookFormat, { tables, levels }: Codebook, prepared: Uint8Array): Int32Array {
  const tableCount = tables.length / format.tableLength;
  const places = preparedPlaces(format, tableCount);
  const header = new Int32Array(prepared.buffer, prepared.byteOffset, HEADER_BYTES / 4);
  header[WORD.groupSize] = format.blockSize;
  header[WORD.points] = 1 << format.codeBits;
  header[WORD.dimension] = format.dimension;
  header[WORD.codeBits] = format.codeBits;
  header[WORD.tableCount] = tableCount;
  header[WORD.levelCount] = levels.length;
  header[WORD.tables] = places.tables;
  header[WORD.levels] = places.levels;
  new Int8Array(prepared.buffer, prepared.byteOffset + places.tables).set(tables);
  new Float32Array(prepared.buffer, prepared.byteOffset + places.levels).set(levels);
  return header;
}

/**
 * All that the encoder needs.
 * @param codebook without levels while they are not known: scales are then left as they are
 * @throws RangeError when levels, or the entries of a table of single weights, do not ascend
 */
export function prepareCodebook(format: CodebookFormat, codebook: Codebook, effort: Effort): Uint8Array {
  const places = preparedPlaces(format, codebook.tables.length / format.tableLength);
  const prepared = new Uint8Array(places.byteLength);
  prepared.set(prepareUpToErrors(format, codebook, effort));
  fillErrorRows(format, codebook.tables, places.rowBytes, prepared.subarray(places.errors, places.scratch));
  return prepared;
}

/** The prepared codebook up to its error rows, for one who fills those in where it will lie (`codebook_errors`). */
export function prepareUpToErrors(format: CodebookFormat, codebook: Codebook, effort: Effort): Uint8Array {
  const { tables, levels } = codebook;
  checkAscending(format, codebook);
  const tableCount = tables.length / format.tableLength;
  const places = preparedPlaces(format, tableCount);
  const prepared = new Uint8Array(places.errors);
  const header = writeCodebook(format, codebook, prepared);
  header[WORD.zeroLevel] = levels.indexOf(0);
  header[WORD.withoutLevels] = levels.length === 0 ? 1 : 0;
  header[WORD.mirrored] = levels.length === 0 || levels[0]! < 0 ? 1 : 0;
  header[WORD.zeroBlock] = nearestToZero(format, codebook);
  header[WORD.thresholds] = places.thresholds;
  header[WORD.roughThresholds] = places.roughThresholds;
  header[WORD.sortedLevels] = places.sortedLevels;
  header[WORD.errors] = places.errors;
  header[WORD.scratch] = places.scratch;
  header[WORD.rowBytes] = places.rowBytes;
  header[WORD.bins] = binCount(format);
  const floats = new Float32Array(prepared.buffer, 0, HEADER_BYTES / 4);
  const { inner, outer, offset } = binScale(format);
  floats[WORD.innerBins] = inner;
  floats[WORD.outerBins] = outer;
  floats[WORD.binOffset] = offset;
  writeSearch(searchSize(effort, tableCount, format.codeBits), header);
  writeSortedLevels(levels, new Float32Array(prepared.buffer, places.sortedLevels, 16 + PADDED_LEVELS));
  if (format.dimension === 1) writeThresholds(format, tables, prepared.buffer, places);
  else writePoints(format, tables, prepared.buffer, places.thresholds);
  return prepared;
}

/**
 * Writes trial scales and how many tables are refined into a header.
 * @throws RangeError when there are more trials than it has room for
 */
export function writeSearch({ trials, refined }: SearchSize, header: Int32Array): void {
  if (trials.length > MAX_TRIALS) {
    throw new RangeError(`a search of ${trials.length} trials, a prepared codebook has room for ${MAX_TRIALS}`);
  }
  const floats = new Float32Array(header.buffer, header.byteOffset, header.length);
  header[WORD.trials] = trials.length;
  header[WORD.refined] = refined;
  trials.forEach((factor, i) => {
    floats[WORD.trialScales + i] = PEAK_ENTRY * factor;
    header[WORD.trialFactors + i] = Math.min(32767, Math.round(32768 * (trials[0]! / factor) ** 2));
  });
}

function writeSortedLevels(levels: Float32Array, sorted: Float32Array): void {
  sorted.fill(Infinity);
  sorted.set(levels, 16);
  for (let i = 0; i < 16; i++) sorted[i] = sorted[16 + 16 * i + 15]!;
}

/** Tables of single weights: thresholds between neighbouring entries, exact and in whole entries. */
function writeThresholds(
  format: CodebookFormat,
  tables: Int8Array,
  buffer: ArrayBufferLike,
  places: ReturnType<typeof preparedPlaces>,
): void {
  const points = 1 << format.codeBits;
  const thresholds = new Int16Array(buffer, places.thresholds, PADDED_TABLES * points);
  const rough = new Int8Array(buffer, places.roughThresholds, PADDED_TABLES * points);
  for (let at = 0; at < tables.length; at++) {
    if ((at + 1) % points === 0) continue;
    const sum = tables[at]! + tables[at + 1]!;
    thresholds[at] = sum * 32;
    rough[at] = sum >> 1;
  }
}

/** Tables of points: coordinates, and half their square norm in units of 1/64. */
function writePoints(
  { codeBits, tableLength }: CodebookFormat,
  tables: Int8Array,
  buffer: ArrayBufferLike,
  at: number,
) {
  const points = 1 << codeBits;
  const words = new Int32Array(buffer, at, PADDED_TABLES * points * 2);
  for (let t = 0; t * tableLength < tables.length; t++) {
    for (let q = 0; q < points; q++) {
      const first = tables[t * tableLength + q]!;
      const second = tables[t * tableLength + points + q]!;
      words[(t * points + q) * 2] = (first & 0xffff) | (second << 16);
      words[(t * points + q) * 2 + 1] = (first * first + second * second) * 32;
    }
  }
}

function checkAscending(format: CodebookFormat, { tables, levels }: Codebook): void {
  for (let i = 1; i < levels.length; i++) {
    if (levels[i]! < levels[i - 1]!) throw new RangeError(`${format.name}: scale level ${i} is below level ${i - 1}`);
  }
  if (format.dimension === 2) return;
  const points = 1 << format.codeBits;
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
