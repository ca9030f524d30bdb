/**
 * Where many quantization points should lie for a density: evenly spaced in the integral of its cube root, which is
 * optimal in the limit (Panter and Dite). Everything that is refined afterwards starts from here.
 */

/**
 * @param mass weight per bin, not negative
 * @param low value at the lower edge of bin 0
 * @param width width of a bin
 * @returns `count` ascending values (fewer when there is no mass at all)
 */
export function compandedPoints(mass: Float64Array, low: number, width: number, count: number): number[] {
  const grown = mass.map(Math.cbrt);
  const total = grown.reduce((sum, value) => sum + value, 0);
  const points: number[] = [];
  let passed = 0;
  for (let bin = 0; bin < mass.length; bin++) {
    const next = passed + grown[bin]!;
    for (;;) {
      const wanted = ((points.length + 0.5) / count) * total;
      if (points.length === count || wanted > next || grown[bin] === 0) break;
      points.push(low + (bin + (wanted - passed) / grown[bin]!) * width);
    }
    passed = next;
  }
  return points;
}
