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
  const before = new Float64Array(2);
  for (let round = 0; round < ROUNDS; round++) {
    before.fill(0);
    for (let q = 0; q < entries.length; q++) {
      const isLast = q + 1 === entries.length;
      const limit = isLast ? bins : Math.ceil(((entries[q]! + entries[q + 1]!) / 2) * binsPerUnit + bins / 2);
      const end = Math.max(0, Math.min(bins, limit)) - 1;
      const weightUntil = end < 0 ? 0 : Math.max(before[0]!, weight[end]!);
      const momentUntil = end < 0 ? 0 : weightUntil === before[0] ? before[1]! : moment[end]!;
      if (weightUntil > before[0]!) entries[q] = (momentUntil - before[1]!) / (weightUntil - before[0]!);
      before[0] = weightUntil;
      before[1] = momentUntil;
    }
  }
}
