/** Signs of eight weights in seven bits (iq2_xxs, iq2_xs, iq3_xxs): the number of negative ones is always even. */

/** All eight sign bits: the eighth makes the parity even. Bit j set: weight j is negative. */
export function signsOf(sevenBits: number): number {
  let parity = sevenBits ^ (sevenBits >> 4);
  parity ^= parity >> 2;
  parity ^= parity >> 1;
  return sevenBits | ((parity & 1) << 7);
}

/** Writes `count` weights: scale * grid[from + j], negative where bit `firstBit + j` of `signs` is set. */
export function writeSigned(
  dst: Float32Array,
  at: number,
  grid: Int8Array,
  from: number,
  count: number,
  scale: number,
  signs: number,
  firstBit: number,
): void {
  for (let j = 0; j < count; j++) {
    const value = scale * grid[from + j]!;
    dst[at + j] = (signs >> (firstBit + j)) & 1 ? -value : value;
  }
}
