/**
 * Runs the kernels on written bytes and compares their products with those of the original weights:
 *
 *   products[0] += sum (y - y')^2      products[1] += sum y^2      products[2] += sum y'^2
 *
 * y is the float product with seeded activations, y' what the kernel makes of packed weights and 8-bit activations. So
 * this checks the very bytes in the very order in which an inference program will read them.
 */
import { ROW_MULTIPLE } from "../../layouts/layout.ts";

/** How many sums there are: the same as of weights. */
export const PRODUCT_SUM_COUNT = 3;

/** Rows per sample: whole groups in every layout. */
export const SAMPLE_ROWS = ROW_MULTIPLE;
/** One sample per this many weights; bands have 16 times as many, so a sixteenth of the work is done twice. */
const SAMPLE_WEIGHTS = 2 ** 16;

/**
 * How many rows at the start of a band are checked: 16 of those bands that keep the share of checked weights near a
 * sixteenth, none of the others. It depends on the shape alone.
 */
export function sampledRows(bandIndex: number, rowLength: number): number {
  const step = Math.ceil((SAMPLE_ROWS * rowLength) / SAMPLE_WEIGHTS);
  return bandIndex % step === 0 ? SAMPLE_ROWS : 0;
}

/**
 * Adds the errors of some products. A row's product is summed in f64, element i in lane i mod 4.
 * @param weights rows of `x.length` weights, as they were
 * @param found the kernel's product of each row
 */
export function addProductErrors(
  x: Float32Array,
  weights: Float32Array,
  found: Float32Array,
  products: Float64Array,
): void {
  const whole = x.length & ~3;
  for (let row = 0; row < found.length; row++) {
    const start = row * x.length;
    let [lane0, lane1, lane2, lane3] = [0, 0, 0, 0];
    for (let i = 0; i < whole; i += 4) {
      lane0 += weights[start + i]! * x[i]!;
      lane1 += weights[start + i + 1]! * x[i + 1]!;
      lane2 += weights[start + i + 2]! * x[i + 2]!;
      lane3 += weights[start + i + 3]! * x[i + 3]!;
    }
    let expected = lane0 + lane2 + (lane1 + lane3);
    for (let i = whole; i < x.length; i++) expected += weights[start + i]! * x[i]!;
    products[0]! += (expected - found[row]!) ** 2;
    products[1]! += expected ** 2;
    products[2]! += found[row]! ** 2;
  }
}
