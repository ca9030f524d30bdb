/**
 * Step 1 of the search for a group's encoding: the errors of all tables at one trial scale, as sums of error rows
 * (error-rows.ts), and the competition of the tables. simd/table-search.ts is the twin.
 *
 * Errors are divided by the square of their trial scale, so that trials compare. Tables t, t + 16, t + 32, ... compete
 * in lane t mod 16 over all trials; with 16 tables or fewer there are lanes to spare, and table t of a trial competes
 * in lane (t + trial * tables) mod 16. The winners of the lanes are refined, the least error first.
 *
 * Sums are integers: bytes, saturated, without importance; with it, products of bytes, saturated at 16 bits.
 */
import { MAX_ERROR } from "./error-rows.ts";
import { nearestInteger } from "./nearest-integer.ts";
import type { PreparedCodebook } from "./prepared-codebook.ts";
import { LANES, type SearchScratch } from "./search-scratch.ts";

const { fround } = Math;

/** The error of a lane without a winner: more than any sum. */
const NO_WINNER = 0x7fff;

/** No table has won in any lane. */
export function clearWinners({ leastErrors, winners }: SearchScratch): void {
  leastErrors.fill(NO_WINNER);
  winners.fill(0);
}

/**
 * The winner of least error, of equals that of the lowest lane; it will not be taken again.
 * @returns trial * 256 + table, or undefined when none is left
 */
export function takeWinner({ leastErrors, winners }: SearchScratch): number | undefined {
  let lane = 0;
  for (let other = 1; other < LANES; other++) if (leastErrors[other]! < leastErrors[lane]!) lane = other;
  if (leastErrors[lane] === NO_WINNER) return undefined;
  leastErrors[lane] = NO_WINNER;
  return winners[lane];
}

/** The bin of a weight in table units, see `BinScale`; numbers beyond the bins fall into the outermost. */
function binOf({ bins, innerBins, outerBins, binOffset }: PreparedCodebook, value: number): number {
  const magnitude = Math.abs(value);
  const near = fround(magnitude * innerBins);
  const far = fround(fround(magnitude * outerBins) + binOffset);
  const index = nearestInteger(far < near ? far : near) | 0;
  return Math.max(0, Math.min(bins - 1, (value < 0 ? -index : index) + bins / 2));
}

/** Finds the error row of each code at one trial scale. */
export function findRows(prepared: PreparedCodebook, { x, rows }: SearchScratch, trial: number): void {
  const { dimension, bins, rowBytes, trialScales } = prepared;
  const scale = trialScales[trial]!;
  for (let code = 0; code < rows.length; code++) {
    let row = 0;
    for (let d = dimension - 1; d >= 0; d--) {
      row = row * bins + binOf(prepared, fround(x[code * dimension + d]! * scale));
    }
    rows[code] = row * rowBytes;
  }
}

/** Sums the rows for all tables and lets these compete. */
export function sumRows(prepared: PreparedCodebook, scratch: SearchScratch, trial: number): void {
  const { errors, rowBytes, tableCount } = prepared;
  const { rows, sums } = scratch;
  sums.fill(0);
  for (const row of rows) for (let t = 0; t < rowBytes; t++) sums[t]! += errors[row + t]!;
  // In 15 bits, as competing errors are.
  for (let t = 0; t < tableCount; t++) compete(prepared, scratch, trial, t, Math.min(sums[t]!, MAX_ERROR) << 7);
}

/** The same with each row weighted by the importance of its code. */
export function sumWeightedRows(prepared: PreparedCodebook, scratch: SearchScratch, trial: number): void {
  const { errors, rowBytes, tableCount } = prepared;
  const { rows, codeWeights, sums } = scratch;
  sums.fill(0);
  for (const [code, row] of rows.entries()) {
    const weight = codeWeights[code]!;
    for (let t = 0; t < rowBytes; t++) sums[t]! += errors[row + t]! * weight;
  }
  for (let t = 0; t < tableCount; t++) compete(prepared, scratch, trial, t, Math.min(sums[t]!, 0xffff) >> 1);
}

/** A table with an error of 15 bits against the winner of its lane so far; the earlier one stays when they are equal. */
function compete(
  { rowBytes, tableCount, trialFactors }: PreparedCodebook,
  { leastErrors, winners }: SearchScratch,
  trial: number,
  table: number,
  error: number,
): void {
  const turn = rowBytes === LANES ? trial * tableCount : 0;
  const lane = (table + turn) & (LANES - 1);
  const comparable = (error * trialFactors[trial]! + 0x4000) >> 15;
  if (comparable >= leastErrors[lane]!) return;
  leastErrors[lane] = comparable;
  winners[lane] = trial * 256 + table;
}
