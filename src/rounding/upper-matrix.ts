/**
 * Symmetric and upper triangular matrices in half the memory: rows in blocks of `BLOCK`, each block from its first column
 * of the diagonal on. Element (i, j) with j >= BLOCK floor(i / BLOCK).
 */

/** Rows and columns of a block: what is worked on at a time. */
export const BLOCK = 128;

export interface UpperMatrix {
  /** Rows and columns. */
  readonly size: number;
  readonly values: Float32Array;
}

/** Floats of a matrix of that size. */
export function upperLength(size: number): number {
  return blockStart(size, Math.ceil(size / BLOCK));
}

/** Position of the first element of a block of rows: its diagonal element. */
export function blockStart(size: number, block: number): number {
  // Block b has rows of size - b * BLOCK; only the last may have fewer rows.
  const full = Math.min(block, Math.floor(size / BLOCK));
  const start = BLOCK * (full * size - (BLOCK * full * (full - 1)) / 2);
  const rest = size - full * BLOCK;
  return block > full ? start + rest * rest : start;
}

/** Floats from one row of a block to the next. */
export function blockStride(size: number, block: number): number {
  return size - block * BLOCK;
}

/** Rows of a block: `BLOCK`, or fewer in the last. */
export function blockRows(size: number, block: number): number {
  return Math.min(BLOCK, size - block * BLOCK);
}

/** How many blocks. */
export function blockCount(size: number): number {
  return Math.ceil(size / BLOCK);
}

/** Copies a rectangle: `rows` rows of block `block`, columns `[from, to)` of the matrix, to `out`, `outStride` apart. */
export function copyFrom(
  { size, values }: UpperMatrix,
  block: number,
  from: number,
  to: number,
  out: Float32Array,
  outStride: number,
): void {
  const [start, stride, rows] = [blockStart(size, block), blockStride(size, block), blockRows(size, block)];
  for (let row = 0; row < rows; row++) {
    const at = start + row * stride + from - block * BLOCK;
    out.set(values.subarray(at, at + to - from), row * outStride);
  }
}

/** The inverse of `copyFrom`. */
export function copyTo(
  { size, values }: UpperMatrix,
  block: number,
  from: number,
  to: number,
  source: Float32Array,
  sourceStride: number,
): void {
  const [start, stride, rows] = [blockStart(size, block), blockStride(size, block), blockRows(size, block)];
  for (let row = 0; row < rows; row++) {
    const at = start + row * stride + from - block * BLOCK;
    values.set(source.subarray(row * sourceStride, row * sourceStride + to - from), at);
  }
}

/** The diagonal. */
export function diagonalOf({ size, values }: UpperMatrix): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => {
    const block = Math.floor(i / BLOCK);
    return values[blockStart(size, block) + (i - block * BLOCK) * (blockStride(size, block) + 1)]!;
  });
}
