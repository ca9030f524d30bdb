/**
 * Where the search for a group's encoding works and leaves its answer, so that nothing is allocated per group. The SIMD
 * twin has the same things at fixed places of the prepared codebook's scratch (simd/prepared-codebook.ts).
 */
import type { PreparedCodebook } from "./prepared-codebook.ts";

/** Tables compete in this many lanes: t, t + 16, t + 32, ... in lane t mod 16. */
export const LANES = 16;

/** A group's encoding. */
export interface GroupChoice {
  level: number;
  table: number;
  readonly codes: Uint8Array;
  /** 4096 times the sum of squared errors, each times its importance where there is one. */
  error: number;
  /** weight = scale * entry; the level's value, or the scale itself where there are no levels. 0 for a group of zeros. */
  scale: number;
}

/** Room for the search of one group. */
export interface SearchScratch {
  /** The group over its largest weight. */
  readonly x: Float32Array;
  /** Factors of the squared errors: importance over its largest; meaningless where none is given. */
  readonly errorWeights: Float32Array;
  /** The same per code, 0 to 255; of pairs the mean. */
  readonly codeWeights: Int32Array;
  /** Per code, where its error row begins. */
  readonly rows: Int32Array;
  /** Sums of error rows, one per table. */
  readonly sums: Int32Array;
  /** Per lane, the least error so far, in 15 bits, and who has it: trial * 256 + table. */
  readonly leastErrors: Int32Array;
  readonly winners: Int32Array;
  /** Weights in table units, for rounding to codes: whole, or in 1/64. */
  readonly units: Int32Array;
  /** Codes under trial; per weight, the table entries that they stand for, and how far off these are. */
  readonly codes: Uint8Array;
  readonly entries: Int32Array;
  readonly differences: Int32Array;
  /** Four f32 sums that are added up at the end. */
  readonly partialSums: Float32Array;
  /** The answer. */
  readonly choice: GroupChoice;
}

/** Room for searches in a prepared codebook. */
export function makeSearchScratch({ groupSize, dimension, rowBytes }: PreparedCodebook): SearchScratch {
  const codeCount = groupSize / dimension;
  return {
    x: new Float32Array(groupSize),
    errorWeights: new Float32Array(groupSize),
    codeWeights: new Int32Array(codeCount),
    rows: new Int32Array(codeCount),
    sums: new Int32Array(rowBytes),
    leastErrors: new Int32Array(LANES),
    winners: new Int32Array(LANES),
    units: new Int32Array(groupSize),
    codes: new Uint8Array(codeCount),
    entries: new Int32Array(groupSize),
    differences: new Int32Array(groupSize),
    partialSums: new Float32Array(4),
    choice: { level: 0, table: 0, codes: new Uint8Array(codeCount), error: 0, scale: 0 },
  };
}
