/**
 * The search for a group's encoding: the level, table and codes of least (importance-weighted) squared error, found by
 * a search over all tables. This is the definition; simd/group-search.ts is its twin and gives the same bytes.
 *
 * A group is divided by its largest weight (mirrored, so that the largest is positive, where negative levels exist).
 *  1. All tables compete at each trial scale, by errors that are known per bin of weights (table-search.ts).
 *  2. The winners are refined (refine-group.ts): codes at the trial scale (of single weights rounded to whole entries,
 *     which is enough for a scale), the least-squares scale for them, the nearest level, codes at that level, and the
 *     error at that level. The least error wins, the earlier candidate on a tie.
 *
 * Everything that decides is an integer, or an f32 whose operations are rounded one by one in a fixed order. Importance
 * enters as 8-bit fractions of the group's largest in step 1, and in f32 in step 2.
 */
import { nearestInteger } from "./nearest-integer.ts";
import type { PreparedCodebook } from "./prepared-codebook.ts";
import {
  assignCodes,
  assignRoughly,
  FRACTION,
  leastSquares,
  nearestLevel,
  squaredError,
  squaredUnits,
  toUnits,
} from "./refine-group.ts";
import type { SearchScratch } from "./search-scratch.ts";
import { clearWinners, findRows, sumRows, sumWeightedRows, takeWinner } from "./table-search.ts";

const { fround } = Math;

/** Groups whose largest weight, and importance whose largest value, is below this count as zero: 1/m may overflow. */
const SMALLEST_GROUP = 2 ** -100;

/**
 * Searches one group and leaves its encoding in `scratch.choice`. Without levels the scale is not rounded (the fit uses
 * this), and `level` means nothing.
 * @param src the group is `groupSize` weights from `at` on
 * @param importance its importance from `importanceAt` on, finite and not negative; absent or all zero: unweighted
 */
export function searchGroup(
  prepared: PreparedCodebook,
  scratch: SearchScratch,
  src: Float32Array,
  at: number,
  importance?: Float32Array,
  importanceAt = 0,
): void {
  const { refined, zeroLevel, hasLevels } = prepared;
  chooseZero(prepared, scratch);
  const divisor = loadGroup(prepared, scratch, src, at);
  if (divisor === 0) return;
  const largestImportance = importance === undefined ? 0 : loadImportance(prepared, scratch, importance, importanceAt);
  const isWeighted = largestImportance > 0;

  compete(prepared, scratch, isWeighted);
  let least = Infinity;
  for (let turn = 0; turn < refined; turn++) {
    const winner = takeWinner(scratch);
    if (winner === undefined) break;
    least = refine(prepared, scratch, winner, divisor, isWeighted, least);
  }
  scratch.choice.error = fround(scratch.choice.error * (isWeighted ? largestImportance : 1));
  if (zeroLevel >= 0 && hasLevels) {
    // Groups far smaller than the smallest level are better off as zeros.
    toUnits(scratch, FRACTION);
    if (!(least <= squaredUnits(scratch, isWeighted))) chooseZero(prepared, scratch);
  }
}

/** Step 1: all tables at all trial scales. */
function compete(prepared: PreparedCodebook, scratch: SearchScratch, isWeighted: boolean): void {
  clearWinners(scratch);
  for (let trial = 0; trial < prepared.trials; trial++) {
    findRows(prepared, scratch, trial);
    if (isWeighted) sumWeightedRows(prepared, scratch, trial);
    else sumRows(prepared, scratch, trial);
  }
}

/**
 * The likeliest levels and tables of a group, for one who knows better than the squared error which of them is best: all
 * winners of step 1 (one of each lane), refined, those of least error first. Groups of zeros have one candidate, the block
 * that decodes nearest to zero.
 * @param importance one value per weight, not all zero
 * @param candidates receives level and table of each, at most `count`, at most 16, no two alike
 * @returns how many there are, at least 1
 */
export function findCandidates(
  prepared: PreparedCodebook,
  scratch: SearchScratch,
  src: Float32Array,
  at: number,
  importance: Float32Array,
  importanceAt: number,
  count: number,
  candidates: Uint8Array,
): number {
  const { choice } = scratch;
  chooseZero(prepared, scratch);
  const divisor = loadGroup(prepared, scratch, src, at);
  const errors: number[] = [];
  if (divisor !== 0) {
    const isWeighted = loadImportance(prepared, scratch, importance, importanceAt) > 0;
    compete(prepared, scratch, isWeighted);
    for (let winner = takeWinner(scratch); winner !== undefined; winner = takeWinner(scratch)) {
      const error = refine(prepared, scratch, winner, divisor, isWeighted, Infinity);
      if (error === Infinity) continue;
      let isNew = true;
      for (let i = 0; i < errors.length; i++) {
        if (candidates[2 * i] === choice.level && candidates[2 * i + 1] === choice.table) isNew = false;
      }
      if (!isNew) continue;
      // Put among those that are known, in the order of their errors; what falls out at the end is forgotten.
      let place = errors.length;
      while (place > 0 && error < errors[place - 1]!) place--;
      if (place >= count) continue;
      errors.splice(place, 0, error);
      candidates.copyWithin(2 * place + 2, 2 * place, 2 * count - 2);
      if (errors.length > count) errors.pop();
      candidates[2 * place] = choice.level;
      candidates[2 * place + 1] = choice.table;
    }
  }
  if (errors.length > 0) return errors.length;
  chooseZero(prepared, scratch);
  candidates[0] = choice.level;
  candidates[1] = choice.table;
  return 1;
}

/** The block that decodes nearest to zero. */
function chooseZero({ zeroBlock }: PreparedCodebook, { choice }: SearchScratch): void {
  choice.level = zeroBlock & 255;
  choice.table = (zeroBlock >> 8) & 255;
  choice.codes.fill(zeroBlock >> 16);
  choice.scale = 0;
  choice.error = 0;
}

/**
 * Loads the group over its largest weight; a NaN counts as zero.
 * @returns the largest weight, without its sign where groups are not mirrored; 0 for a group that counts as zeros, or
 * whose largest weight is infinite
 */
function loadGroup({ isMirrored }: PreparedCodebook, { x }: SearchScratch, src: Float32Array, at: number): number {
  let low = 0;
  let high = 0;
  for (let j = 0; j < x.length; j++) {
    const weight = src[at + j]!;
    if (weight < low) low = weight;
    if (weight > high) high = weight;
  }
  const largest = high < -low ? low : high;
  const magnitude = Math.abs(largest);
  if (!(magnitude >= SMALLEST_GROUP && magnitude < Infinity)) return 0;
  const divisor = isMirrored ? largest : magnitude;
  const inverse = fround(1 / divisor);
  for (let j = 0; j < x.length; j++) x[j] = src[at + j]! * inverse || 0;
  return divisor;
}

/**
 * Loads the group's importance over its largest value, in f32 per weight and in 8 bits per code.
 * @returns the largest value; 0 when that says nothing
 */
function loadImportance(
  { dimension }: PreparedCodebook,
  { errorWeights, codeWeights }: SearchScratch,
  importance: Float32Array,
  at: number,
): number {
  let largest = 0;
  for (let j = 0; j < errorWeights.length; j++) if (importance[at + j]! > largest) largest = importance[at + j]!;
  if (!(largest >= SMALLEST_GROUP && largest < Infinity)) return 0;
  const inverse = fround(1 / largest);
  for (let j = 0; j < errorWeights.length; j++) errorWeights[j] = importance[at + j]! * inverse;
  const byteOf = (j: number): number => nearestInteger(fround(errorWeights[j]! * 255));
  for (let code = 0; code < codeWeights.length; code++) {
    codeWeights[code] = dimension === 1 ? byteOf(code) : (byteOf(2 * code) + byteOf(2 * code + 1) + 1) >> 1;
  }
  return largest;
}

/**
 * Refines a winner of step 1, and takes it when its error is below `least`.
 * @param winner trial * 256 + table
 * @returns the lesser of both errors, in squares of 1/64 of the divisor
 */
function refine(
  prepared: PreparedCodebook,
  scratch: SearchScratch,
  winner: number,
  divisor: number,
  isWeighted: boolean,
  least: number,
): number {
  const { dimension, hasLevels, levels, trialScales } = prepared;
  const table = winner & 255;
  const trialScale = trialScales[winner >> 8]!;
  // Pairs are rounded to 1/64 entry, single weights to whole entries: here it is only for the scale.
  const roughScale = dimension === 1 ? trialScale : fround(trialScale * FRACTION);
  toUnits(scratch, roughScale);
  if (dimension === 1) assignRoughly(prepared, scratch, table);
  else assignCodes(prepared, scratch, table);
  // weight = divisor * x and x * roughScale = units = factor * T: the weight is (divisor * factor / roughScale) * T.
  let scale = fround(fround(divisor * leastSquares(scratch, isWeighted)) / roughScale);
  if (!(Math.abs(scale) > 0 && Math.abs(scale) < Infinity)) scale = fround(divisor / trialScale);
  const level = hasLevels ? nearestLevel(prepared, scale) : 0;
  const used = hasLevels ? levels[level]! : scale;
  const perUnit = fround(used / divisor);
  if (!(perUnit !== 0)) return least;
  toUnits(scratch, fround(FRACTION / perUnit));
  assignCodes(prepared, scratch, table);
  const error = fround(squaredError(scratch, isWeighted) * fround(perUnit * perUnit));
  if (!(error < least)) return least;
  const { choice, codes } = scratch;
  choice.level = level;
  choice.table = table;
  choice.scale = used;
  choice.error = fround(error * fround(divisor * divisor));
  choice.codes.set(codes);
  return error;
}
