/**
 * The three sums that NMSE and cosine are made of:
 *
 *   sums[0] += sum (a - b)^2      sums[1] += sum a^2      sums[2] += sum b^2
 *
 * (sum a*b needs no loop of its own: it is (sums[1] + sums[2] - sums[0]) / 2.) Each row is cut into groups of 256
 * weights. Within a group the sums run in f32, element i in lane i mod 8, and are then added up in f64: 32 additions
 * a lane, so a relative error of some 1e-7, for a third of the time that f64 would take. Where squares leave f32's
 * range (weights beyond 1e15 or below 1e-15, all zeros, NaN) the group is summed in f64. Rows are added in order, so
 * the sums do not depend on how rows were grouped into calls.
 */

/** How many sums there are. */
export const ERROR_SUM_COUNT = 3;

const GROUP = 256;
const MIN_SQUARES = 1e-30;
const MAX_SQUARES = 1e30;

/** Adds the sums over whole rows of `rowLength` weights to `sums[0 ... 2]`. */
export function addErrorSums(a: Float32Array, b: Float32Array, rowLength: number, sums: Float64Array): void {
  for (let row = 0; row < a.length; row += rowLength) {
    for (let start = 0; start < rowLength; start += GROUP) {
      addGroup(a, b, row + start, Math.min(GROUP, rowLength - start), sums);
    }
  }
}

const ee = new Float32Array(8);
const aa = new Float32Array(8);
const bb = new Float32Array(8);

function addGroup(a: Float32Array, b: Float32Array, start: number, count: number, sums: Float64Array): void {
  const { fround } = Math;
  const whole = start + (count & ~7);
  ee.fill(0);
  aa.fill(0);
  bb.fill(0);
  for (let i = start; i < whole; i++) {
    const lane = (i - start) & 7;
    const x = a[i]!;
    const y = b[i]!;
    const d = fround(x - y);
    ee[lane] = ee[lane]! + fround(d * d);
    aa[lane] = aa[lane]! + fround(x * x);
    bb[lane] = bb[lane]! + fround(y * y);
  }
  const squares = sumLanes(aa) + sumLanes(bb);
  if (squares >= MIN_SQUARES && squares <= MAX_SQUARES) {
    sums[0]! += sumLanes(ee);
    sums[1]! += sumLanes(aa);
    sums[2]! += sumLanes(bb);
    addExactly(a, b, whole, start + count, sums);
  } else {
    addExactly(a, b, start, start + count, sums);
  }
}

function sumLanes(lanes: Float32Array): number {
  const pair = (lane: number): number => Math.fround(lanes[lane]! + lanes[lane + 4]!);
  return pair(0) + pair(1) + (pair(2) + pair(3));
}

function addExactly(a: Float32Array, b: Float32Array, start: number, end: number, sums: Float64Array): void {
  for (let i = start; i < end; i++) {
    const x = a[i]!;
    const y = b[i]!;
    sums[0]! += (x - y) * (x - y);
    sums[1]! += x * x;
    sums[2]! += y * y;
  }
}

/** NMSE: sum (a - b)^2 / sum a^2. No difference is 0, even from all zeros; any other difference from those is infinite. */
export function nmseOf(sums: ArrayLike<number>): number {
  return sums[0] === 0 ? 0 : sums[0]! / sums[1]!;
}

/** Cosine of the angle between a and b; 1 when both are all zero, 0 when only one is. */
export function cosineOf(sums: ArrayLike<number>): number {
  const [ee, aa, bb] = [sums[0]!, sums[1]!, sums[2]!];
  if (ee === 0) return 1;
  return aa === 0 || bb === 0 ? 0 : (aa + bb - ee) / 2 / Math.sqrt(aa * bb);
}
