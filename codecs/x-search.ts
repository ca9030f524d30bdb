/**
 * The scale of a block of signed codes, searched by least squares (ggml's `make_qx_quants`).
 *
 * Codes are l = round(s * x) clamped to [-n, n-1], halves to even. The start is s = -n / x_max, x_max being the weight
 * of largest magnitude, which so gets the code -n. Then s = -(n + t/10) / x_max is tried for t = -9 ... 9. For given
 * codes the best scale is d = sum(w x l) / sum(w l l), and the gain d * sum(w x l) says how much of the weighted square
 * sum it explains; the first largest gain wins. Every operation is rounded to f32, sums run in order of the elements.
 */
const fround = Math.fround;

/** Magnitudes below this are taken for a block of zeros. */
export const ZERO_BLOCK = fround(1e-15);

/** What the reference's `nearest_int` gives: nearest, ties to even, by adding 1.5 * 2^23; wraps beyond 2^22. */
export function nearestInt(x: number): number {
  if (x !== x) return 0;
  word[0] = x + 12582912;
  return (bits[0]! & 0x007fffff) - 0x00400000;
}
const word = new Float32Array(1);
const bits = new Uint32Array(word.buffer);

/**
 * Searches scale and codes of `codes.length` weights.
 * @param src weights, from `start`
 * @param weights importance of each weight in the squared error
 * @param codes receives l + n
 * @returns the scale d
 */
export function searchSymmetric(
  src: Float32Array,
  start: number,
  n: number,
  weights: Float32Array,
  codes: Uint8Array,
): number {
  const length = codes.length;
  let extreme = 0;
  let largest = 0;
  for (let i = 0; i < length; i++) {
    const magnitude = Math.abs(src[start + i]!);
    if (magnitude > largest) {
      largest = magnitude;
      extreme = src[start + i]!;
    }
  }
  if (largest < ZERO_BLOCK) {
    codes.fill(0);
    return 0;
  }
  const clamp = (l: number): number => Math.max(-n, Math.min(n - 1, l));
  let scale = 0;
  let best = 0;
  for (let attempt = 0; attempt <= 18; attempt++) {
    // The start, then t = -9 ... -1, 1 ... 9.
    const t = attempt === 0 ? 0 : attempt <= 9 ? attempt - 10 : attempt - 9;
    const s = fround(-fround(n + fround(fround(0.1) * t)) / extreme);
    let sumXL = 0;
    let sumLL = 0;
    for (let i = 0; i < length; i++) {
      const x = src[start + i]!;
      const l = clamp(nearestInt(fround(s * x)));
      const w = weights[i]!;
      sumXL = fround(sumXL + fround(fround(w * x) * l));
      sumLL = fround(sumLL + fround(fround(w * l) * l));
    }
    const isFirst = attempt === 0;
    if (isFirst || (sumLL > 0 && fround(sumXL * sumXL) > fround(best * sumLL))) {
      for (let i = 0; i < length; i++) codes[i] = clamp(nearestInt(fround(s * src[start + i]!))) + n;
      scale = sumLL !== 0 ? fround(sumXL / sumLL) : 0;
      best = fround(scale * sumXL);
    }
  }
  return scale;
}

/**
 * Weights of the squared error of a block: importance * sqrt(sigma2 + x * x).
 * @param sigma2 mean square, of the row or the super-block as the format says
 */
export function importanceWeights(
  src: Float32Array,
  start: number,
  importance: Float32Array,
  column: number,
  sigma2: number,
  weights: Float32Array,
): void {
  for (let j = 0; j < weights.length; j++) {
    const x = src[start + j]!;
    weights[j] = fround(importance[column + j]! * fround(Math.sqrt(fround(sigma2 + fround(x * x)))));
  }
}

/** Sum of squares of `count` weights, in order, each operation rounded to f32. */
export function sumOfSquares(src: Float32Array, start: number, count: number): number {
  let sum = 0;
  for (let j = start; j < start + count; j++) sum = fround(sum + fround(src[j]! * src[j]!));
  return sum;
}
