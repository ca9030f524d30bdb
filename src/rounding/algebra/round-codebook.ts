/**
 * Rounding a block of columns to the codes of a codebook format, the error of each passed on to those that follow, as
 * `roundBlock` does it; here a group's level and table are chosen too. For each of a few candidates (`findCandidates`,
 * by importance d_j^2) the group is rounded weight by weight, and the one that leaves least, sum of g_j^2, is taken.
 *
 * A pair of weights is rounded together: to the point p that leaves least of both,
 *
 *   (g1 - c1 d1)^2 + (g2 - c1 M12 - c2 d2)^2       c = s p - b
 *
 * In a descent levels and tables stay, M is H itself, and a pair takes the point with the least of
 * c1 (H11 c1 / 2 - g1) + c2 (H22 c2 / 2 + H12 c1 - g2).
 *
 * Arrays are row-major, rows `stride` apart. Every operation is rounded to f32. round-codebook.simd.ts is the twin.
 */
import { findCandidates } from "../../../codecs/codebooks/group-search.ts";
import { makeSearchScratch } from "../../../codecs/codebooks/search-scratch.ts";
import { viewPreparedCodebook, type PreparedCodebook } from "../../../codecs/codebooks/prepared-codebook.ts";

const { fround } = Math;

/** Candidates at most: as many as tables compete in lanes. */
export const MAX_CANDIDATES = 16;

export interface RoundCodebookTask {
  /** A codebook prepared for encoding, with its scratch. */
  readonly preparedCodebook: Uint8Array;
  readonly rows: number;
  readonly columns: number;
  readonly stride: number;
  readonly gradients: Float32Array;
  readonly base: Float32Array;
  readonly matrix: Float32Array;
  readonly matrixStride: number;
  readonly diagonal: Float32Array;
  /** Candidates to look at; 0: a descent, with the levels and tables that are there. */
  readonly candidates: number;
  /** Level and table of each group of each row: row after row, `columns / groupSize` groups each. */
  readonly choices: Uint8Array;
  /** Receives values, and codes in the place of their (first) weight. */
  readonly values: Float32Array;
  readonly codes: Uint8Array;
  /** At least 2048 bytes to work in. */
  readonly scratch: Uint8Array;
}

/** A group under work: everything from its first column on. */
interface GroupWork {
  readonly prepared: PreparedCodebook;
  readonly task: RoundCodebookTask;
  /** First column in the block. */
  readonly first: number;
  /** Position of the row's first column. */
  readonly row: number;
  readonly gradients: Float32Array;
  readonly values: Float32Array;
  readonly codes: Uint8Array;
}

/** Entries of a table as f32: all first coordinates, then all second ones. */
function entriesOf({ tables, points, dimension }: PreparedCodebook, table: number): Float32Array {
  const length = points * dimension;
  return Float32Array.from(tables.subarray(table * length, (table + 1) * length));
}

/** Rounds a group with one level and table; returns what is left. */
function roundGroup(work: GroupWork, level: number, table: number): number {
  const { prepared, task, first, row, gradients, values, codes } = work;
  const { groupSize, dimension, levels } = prepared;
  const { base, matrix, matrixStride, diagonal, candidates } = task;
  const scale = levels[level]!;
  const entries = entriesOf(prepared, table);
  const g = (j: number): number => gradients[j]!;
  const b = (j: number): number => base[row + first + j]!;
  const d = (j: number): number => diagonal[first + j]!;
  const m = (j: number, i: number): number => matrix[(first + j) * matrixStride + first + i]!;
  let left = 0;
  const settle = (j: number, value: number): void => {
    values[j] = value;
    const change = fround(value - b(j));
    for (let i = j + 1; i < groupSize; i++) gradients[i] = fround(g(i) - fround(change * m(j, i)));
    gradients[j] = fround(g(j) - fround(change * d(j)));
    left = fround(left + fround(g(j) * g(j)));
  };
  for (let j = 0; j < groupSize; j += dimension) {
    if (dimension === 1) {
      const code = nearestEntry(entries, scale, fround(b(j) + fround(g(j) / d(j))));
      codes[j] = code;
      settle(j, scale === 0 ? 0 : fround(scale * entries[code]!));
      continue;
    }
    const { points } = prepared;
    let best = 0;
    let least = Infinity;
    for (let p = 0; p < points; p++) {
      const c1 = fround(fround(scale * entries[p]!) - b(j));
      const c2 = fround(fround(scale * entries[points + p]!) - b(j + 1));
      const loss =
        candidates === 0
          ? descentLoss(g(j), g(j + 1), d(j), d(j + 1), m(j, j + 1), c1, c2)
          : pairLoss(g(j), g(j + 1), d(j), d(j + 1), m(j, j + 1), c1, c2);
      if (loss < least) {
        least = loss;
        best = p;
      }
    }
    codes[j] = best;
    settle(j, fround(scale * entries[best]!));
    settle(j + 1, fround(scale * entries[points + best]!));
  }
  return left;
}

function pairLoss(g1: number, g2: number, d1: number, d2: number, m: number, c1: number, c2: number): number {
  const r1 = fround(g1 - fround(c1 * d1));
  const r2 = fround(fround(g2 - fround(c1 * m)) - fround(c2 * d2));
  return fround(fround(r1 * r1) + fround(r2 * r2));
}

function descentLoss(g1: number, g2: number, d1: number, d2: number, m: number, c1: number, c2: number): number {
  const first = fround(c1 * fround(fround(fround(d1 * 0.5) * c1) - g1));
  const second = fround(c2 * fround(fround(fround(fround(d2 * 0.5) * c2) + fround(m * c1)) - g2));
  return fround(first + second);
}

/** The entry, in rising order, whose product with the scale is nearest to t; the first for a scale of 0. */
function nearestEntry(entries: Float32Array, scale: number, t: number): number {
  if (scale === 0) return 0;
  const twice = fround(2 * fround(t / scale));
  let code = 0;
  for (let k = 1; k < entries.length; k++) if (fround(entries[k - 1]! + entries[k]!) < twice) code++;
  return code;
}

/** The values that would leave nothing: each column takes all that is left of it, and passes on what follows from that. */
function solveTargets(
  task: RoundCodebookTask,
  first: number,
  row: number,
  groupSize: number,
  targets: Float32Array,
): void {
  const { gradients, base, matrix, matrixStride, diagonal } = task;
  const left = gradients.slice(row + first, row + first + groupSize);
  for (let j = 0; j < groupSize; j++) {
    const change = fround(left[j]! / diagonal[first + j]!);
    targets[j] = fround(base[row + first + j]! + change);
    const from = (first + j) * matrixStride + first;
    for (let i = j + 1; i < groupSize; i++) left[i] = fround(left[i]! - fround(change * matrix[from + i]!));
  }
}

export function roundCodebook(task: RoundCodebookTask): void {
  const prepared = viewPreparedCodebook(task.preparedCodebook);
  const search = makeSearchScratch(prepared);
  const { groupSize } = prepared;
  const { rows, columns, stride, gradients, base, matrix, matrixStride, diagonal, choices, values, codes } = task;
  const targets = new Float32Array(groupSize);
  const weights = new Float32Array(groupSize);
  const candidates = new Uint8Array(2 * MAX_CANDIDATES);
  for (let r = 0; r < rows; r++) {
    const row = r * stride;
    for (let first = 0; first < columns; first += groupSize) {
      const at = row + first;
      const choice = 2 * ((r * columns + first) / groupSize);
      let count = 1;
      candidates.set(choices.subarray(choice, choice + 2));
      if (task.candidates > 0) {
        solveTargets(task, first, row, groupSize, targets);
        for (let j = 0; j < groupSize; j++) weights[j] = fround(diagonal[first + j]! * diagonal[first + j]!);
        count = findCandidates(prepared, search, targets, 0, weights, 0, task.candidates, candidates);
      }
      const tryOne = (candidate: number, work: Omit<GroupWork, "prepared" | "task" | "first" | "row">): number => {
        work.gradients.set(gradients.subarray(at, at + groupSize));
        return roundGroup(
          { ...work, prepared, task, first, row },
          candidates[2 * candidate]!,
          candidates[2 * candidate + 1]!,
        );
      };
      const room = {
        gradients: new Float32Array(groupSize),
        values: new Float32Array(groupSize),
        codes: new Uint8Array(groupSize),
      };
      let best = 0;
      let least = Infinity;
      for (let candidate = 0; candidate < count && count > 1; candidate++) {
        const left = tryOne(candidate, room);
        if (left < least) {
          least = left;
          best = candidate;
        }
      }
      tryOne(best, room);
      choices[choice] = candidates[2 * best]!;
      choices[choice + 1] = candidates[2 * best + 1]!;
      gradients.set(room.gradients, at);
      values.set(room.values, at);
      codes.set(room.codes, at);
      for (let j = first; j < first + groupSize; j++) {
        const change = fround(values[row + j]! - base[row + j]!);
        for (let i = first + groupSize; i < columns; i++) {
          gradients[row + i] = fround(gradients[row + i]! - fround(change * matrix[j * matrixStride + i]!));
        }
      }
    }
  }
}
