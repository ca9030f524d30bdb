/**
 * A table is a weighted one-dimensional k-means problem over the histogram of the weights that use it. From entries
 * that are nearly right, Lloyd's algorithm on prefix sums is enough, and costs nothing beside the search.
 */

const ROUNDS = 12;

/**
 * Moves ascending `entries` towards least squared error.
 * @param weight total weight per bin; bin b holds values around (b - bins / 2) / binsPerUnit
 * @param moment sum of weight * value per bin
 */
export function improveEntries(
  entries: Float64Array,
  weight: Float64Array,
  moment: Float64Array,
  binsPerUnit: number,
): void {
  const bins = weight.length;
  for (let b = 1; b < bins; b++) {
    weight[b]! += weight[b - 1]!;
    moment[b]! += moment[b - 1]!;
  }
  for (let round = 0; round < ROUNDS; round++) {
    let weightBefore = 0;
    let momentBefore = 0;
    let moved = 0;
    for (let q = 0; q < entries.length; q++) {
      const isLast = q + 1 === entries.length;
      const limit = isLast ? bins : Math.ceil(((entries[q]! + entries[q + 1]!) / 2) * binsPerUnit + bins / 2);
      const end = Math.max(0, Math.min(bins, limit)) - 1;
      if (end < 0 || !(weight[end]! > weightBefore)) continue;
      const entry = (moment[end]! - momentBefore) / (weight[end]! - weightBefore);
      moved = Math.max(moved, Math.abs(entry - entries[q]!));
      entries[q] = entry;
      weightBefore = weight[end]!;
      momentBefore = moment[end]!;
    }
    if (moved === 0) break;
  }
}
