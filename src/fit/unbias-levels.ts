/**
 * Levels without bias. The codes of a group are the nearest to its weights, and a level is the mean of what it stands for:
 * so the weights come out too short, by the share of their error, and every layer's output with them. The levels of a
 * slice are therefore multiplied by
 *
 *   f = sum a^2 / sum a b        a the weights, b what they became
 *
 * after which the product of the tensor with itself is right; the squared error grows by its own square. Measured: KL
 * divergence of q2_cb files falls by a quarter, of q3_cb by a twelfth, of q4_cb hardly (docs/codebooks.md).
 */

/** Sums as verification takes them: (a - b)^2, a^2, b^2. */
type Sums = ArrayLike<number>;

/** Factors beyond these are no bias: the codes have little to do with the weights. */
const LEAST_FACTOR = 0.5;
const GREATEST_FACTOR = 2;

/** f; 1 for weights that are all zero, and where the sums make no sense. */
export function unbiasFactor(sums: Sums): number {
  const [difference, weights, decoded] = [sums[0]!, sums[1]!, sums[2]!];
  const factor = weights / ((weights + decoded - difference) / 2);
  return factor >= LEAST_FACTOR && factor <= GREATEST_FACTOR ? factor : 1;
}

/** The sums after b was multiplied by a factor. */
export function scaleSums(sums: Sums, factor: number): number[] {
  const [difference, weights, decoded] = [sums[0]!, sums[1]!, sums[2]!];
  const more = factor - 1;
  // (a - f b)^2 = (a - b)^2 - 2 (f - 1) (a - b) b + (f - 1)^2 b^2, and 2 (a - b) b = a^2 - b^2 - (a - b)^2
  const after = difference - more * (weights - decoded - difference) + more * more * decoded;
  return [Math.max(0, after), weights, factor * factor * decoded];
}
