/** What a measurement has hardly seen: experts that few tokens came to, columns that carried next to nothing. */
import type { ImatrixEntry } from "./imatrix.types.ts";

/** An expert with less than this part of an even share was hardly used. */
const RARE_SHARE = 1 / 8;
/** A column whose mean square is below this part of the tensor's is next to nothing. */
const FAINT_SHARE = 1e-4;

/** One tensor's measurement in a few numbers. */
export interface EntryDescription {
  readonly name: string;
  readonly columns: number;
  /** Experts, 1 for other tensors. */
  readonly slices: number;
  /** Tokens that came to the slice with the fewest and the most. */
  readonly leastTokens: number;
  readonly mostTokens: number;
  /** Slices that no token came to, and those that got less than an eighth of an even share. */
  readonly unseenSlices: number;
  readonly rareSlices: number;
  /** Columns (of all seen slices) that were always zero, and those with a ten-thousandth of the tensor's mean square. */
  readonly zeroColumns: number;
  readonly faintColumns: number;
}

export function describeEntry({ name, sums, counts }: ImatrixEntry): EntryDescription {
  const slices = counts.length;
  const columns = sums.length / slices;
  const total = counts.reduce((sum, count) => sum + count, 0);
  const meanSquare = sums.reduce((sum, square) => sum + square, 0) / (total * columns);
  let [zeroColumns, faintColumns] = [0, 0];
  for (const [slice, count] of counts.entries()) {
    if (count === 0) continue;
    for (let column = slice * columns; column < (slice + 1) * columns; column++) {
      if (sums[column] === 0) zeroColumns++;
      else if (sums[column]! / count < FAINT_SHARE * meanSquare) faintColumns++;
    }
  }
  return {
    name,
    columns,
    slices,
    leastTokens: Math.min(...counts),
    mostTokens: Math.max(...counts),
    unseenSlices: counts.filter((count) => count === 0).length,
    rareSlices: counts.filter((count) => count > 0 && count < (RARE_SHARE * total) / slices).length,
    zeroColumns,
    faintColumns,
  };
}
