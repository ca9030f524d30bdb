/**
 * A table is a weighted one-dimensional k-means problem over the histogram of the weights that use it. From entries
 * that are nearly right, Lloyd's algorithm on prefix sums is enough, and costs nothing beside the search.
 */

/** Bins of a table's histogram: one per integer from -144 to 144. */
export const HISTOGRAM_LIMIT = 144;
export const HISTOGRAM_BINS = 2 * HISTOGRAM_LIMIT + 1;

const ROUNDS = 12;

/**
 * Moves ascending `entries` towards least squared error.
 * @param sums two per bin, weight and weight * value, of the bin around (bin - HISTOGRAM_LIMIT); becomes prefix sums
 */
export function improveEntries(entries: Float64Array, sums: Float64Array): void {
  for (let i = 2; i < sums.length; i++) sums[i]! += sums[i - 2]!;
  for (let round = 0; round < ROUNDS; round++) {
    let weightBefore = 0;
    let momentBefore = 0;
    let moved = 0;
    for (let q = 0; q < entries.length; q++) {
      const isLast = q + 1 === entries.length;
      const limit = isLast ? HISTOGRAM_BINS : Math.ceil((entries[q]! + entries[q + 1]!) / 2 + HISTOGRAM_LIMIT);
      const end = Math.max(0, Math.min(HISTOGRAM_BINS, limit)) - 1;
      if (end < 0 || !(sums[2 * end]! > weightBefore)) continue;
      const entry = (sums[2 * end + 1]! - momentBefore) / (sums[2 * end]! - weightBefore);
      moved = Math.max(moved, Math.abs(entry - entries[q]!));
      entries[q] = entry;
      weightBefore = sums[2 * end]!;
      momentBefore = sums[2 * end + 1]!;
    }
    if (moved === 0) break;
  }
}
