/**
 * A prepared codebook: all that encoder and decoder need of a codebook, computed once (prepare-codebook.ts) and laid
 * out as one run of bytes without pointers. The scalar encoder reads it where it is; the SIMD twins read a copy in
 * their module's memory (simd/prepared-codebook.ts says the same positions in bytes).
 *
 *   header         64 words of 32 bits, little-endian, see `WORD`
 *   tables         i8, `tableLength` each, padded with zeros to 256 tables
 *   levels         f32, padded with zeros to 256
 *   ------------   so far what decoding needs; for encoding there follow:
 *   thresholds     256 tables, for each of its codes: of single weights an i16, the threshold to the next entry in
 *                  1/64 entry (the last one unused); of pairs two i16 coordinates and an i32, half their square norm
 *                  in units of 1/64
 *   rough          i8 per table and code: thresholds for weights in whole entries (single weights only)
 *   sorted levels  f32: every sixteenth of 256 levels, then all of them, padded with infinities
 *   error rows     u8 per bin (of pairs: per bin of the plane) and table, see error-rows.ts
 *   scratch        room for one search of the SIMD twin, so that each thread needs a copy of its own
 */
import type { CodebookFormat } from "../codec.ts";
import { binCount } from "./error-rows.ts";

/** Trial scales that the header has room for: `best` with 4 tables or fewer takes all of them. */
export const MAX_TRIALS = 20;

/** Positions of the 32-bit words of the header. */
export const WORD = {
  groupSize: 0,
  /** Codes: entries, or points, per table. */
  points: 1,
  dimension: 2,
  tableCount: 3,
  levelCount: 4,
  /** Scales at which all tables are tried. */
  trials: 5,
  /** Tables that are refined: codes, scale and error in full. */
  refined: 6,
  /** Index of the level that is zero, or -1. */
  zeroLevel: 7,
  /** 1 when there are negative levels: groups are then mirrored so that their largest weight is positive. */
  mirrored: 8,
  /** The block that decodes nearest to zero: level, table, code. */
  zeroBlock: 9,
  /** Byte offsets from the first byte of the prepared codebook. */
  tables: 10,
  levels: 11,
  thresholds: 12,
  errors: 13,
  scratch: 14,
  /** Bytes of an error row: the tables, rounded up to whole vectors of 16. */
  rowBytes: 15,
  /** Bins on one axis. */
  bins: 16,
  codeBits: 17,
  /** 1 while there are no levels: scales are then not rounded to one. */
  withoutLevels: 18,
  /** f32: bins per table entry up to the knee, bins per entry beyond it, and what is added there. */
  innerBins: 19,
  outerBins: 20,
  binOffset: 21,
  /** Byte offsets again. */
  roughThresholds: 22,
  sortedLevels: 23,
  /** f32 x `MAX_TRIALS`: table units per largest weight. */
  trialScales: 24,
  /** i32 x `MAX_TRIALS`, Q15: makes errors at one trial scale comparable with those at others. */
  trialFactors: 24 + MAX_TRIALS,
} as const;

/** 64 words: the last trial factor is the last of them. */
export const HEADER_BYTES = 4 * (24 + 2 * MAX_TRIALS);

/** Tables and levels are padded to what their numbers can say. */
export const PADDED_TABLES = 256;
export const PADDED_LEVELS = 256;

const SCRATCH_BYTES = 2048;

/** Byte offsets of the parts, and the whole length, for a codebook of `tableCount` tables. */
export function preparedPlaces(format: CodebookFormat, tableCount: number) {
  const isPair = format.dimension === 2;
  const codes = PADDED_TABLES << format.codeBits;
  const rowBytes = (tableCount + 15) & ~15;
  const tables = HEADER_BYTES;
  const levels = tables + PADDED_TABLES * format.tableLength;
  const thresholds = levels + PADDED_LEVELS * 4;
  const roughThresholds = thresholds + codes * (isPair ? 8 : 2);
  const sortedLevels = roughThresholds + (isPair ? 0 : codes);
  const errors = sortedLevels + (16 + PADDED_LEVELS) * 4;
  const scratch = errors + binCount(format) ** format.dimension * rowBytes;
  const byteLength = scratch + SCRATCH_BYTES;
  return { rowBytes, tables, levels, thresholds, roughThresholds, sortedLevels, errors, scratch, byteLength };
}

/** Bytes of a codebook of `tableCount` tables that is prepared for encoding; for decoding it takes fewer. */
export function preparedBytes(format: CodebookFormat, tableCount: number): number {
  return preparedPlaces(format, tableCount).byteLength;
}

/** A prepared codebook as the scalar encoder reads it: numbers of the header, views of the parts. */
export interface PreparedCodebook {
  readonly groupSize: number;
  readonly points: number;
  readonly dimension: 1 | 2;
  readonly codeBits: number;
  readonly tableCount: number;
  readonly levelCount: number;
  readonly trials: number;
  readonly refined: number;
  readonly zeroLevel: number;
  readonly isMirrored: boolean;
  readonly zeroBlock: number;
  readonly rowBytes: number;
  readonly bins: number;
  readonly hasLevels: boolean;
  readonly innerBins: number;
  readonly outerBins: number;
  readonly binOffset: number;
  readonly trialScales: Float32Array;
  readonly trialFactors: Int32Array;
  readonly tables: Int8Array;
  readonly levels: Float32Array;
  readonly thresholds: Int16Array;
  readonly roughThresholds: Int8Array;
  readonly errors: Uint8Array;
}

/** Views of a codebook that was prepared for encoding. */
export function viewPreparedCodebook(prepared: Uint8Array): PreparedCodebook {
  const { buffer, byteOffset: start } = prepared;
  const words = new Int32Array(buffer, start, HEADER_BYTES / 4);
  const floats = new Float32Array(buffer, start, HEADER_BYTES / 4);
  const word = (name: keyof typeof WORD): number => words[WORD[name]]!;
  const points = word("points");
  const dimension = word("dimension") === 2 ? 2 : 1;
  const rowBytes = word("rowBytes");
  const bins = word("bins");
  return {
    groupSize: word("groupSize"),
    points,
    dimension,
    codeBits: word("codeBits"),
    tableCount: word("tableCount"),
    levelCount: word("levelCount"),
    trials: word("trials"),
    refined: word("refined"),
    zeroLevel: word("zeroLevel"),
    isMirrored: word("mirrored") === 1,
    zeroBlock: word("zeroBlock"),
    rowBytes,
    bins,
    hasLevels: word("withoutLevels") === 0,
    innerBins: floats[WORD.innerBins]!,
    outerBins: floats[WORD.outerBins]!,
    binOffset: floats[WORD.binOffset]!,
    trialScales: floats.subarray(WORD.trialScales, WORD.trialScales + MAX_TRIALS),
    trialFactors: words.subarray(WORD.trialFactors, WORD.trialFactors + MAX_TRIALS),
    tables: new Int8Array(buffer, start + word("tables"), PADDED_TABLES * points * dimension),
    levels: new Float32Array(buffer, start + word("levels"), PADDED_LEVELS),
    thresholds: new Int16Array(buffer, start + word("thresholds"), PADDED_TABLES * points),
    roughThresholds: new Int8Array(buffer, start + word("roughThresholds"), PADDED_TABLES * points),
    errors: new Uint8Array(buffer, start + word("errors"), bins ** dimension * rowBytes),
  };
}
