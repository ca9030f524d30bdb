/**
 * f32 matrix products: activation rows times the rows of a weight matrix, out[t][r] = sum over k of x[t][k] * w[r][k].
 *
 * The order of operations is part of the definition, so that results are the same bits on any machine: columns are cut
 * into chunks of `CHUNK`; within a chunk products are added one after the other, each product and each sum rounded to
 * f32, from 0; the chunks' sums are added one after the other, from 0. (Shorter chains lose less than one long one.)
 *
 * Weights lie in *panels*: groups of `PANEL_ROWS` rows, column after column, panel[group][k][row in group], the last
 * group filled up with zeros. multiply.simd.ts is the twin: a lane is a weight row.
 */

/** Rows of a panel's group. */
export const PANEL_ROWS = 8;
/** Columns whose products are added in one chain. */
export const CHUNK = 256;

const { fround } = Math;

/** Floats of a panel of `rows` rows of `columns`. */
export function panelLength(rows: number, columns: number): number {
  return Math.ceil(rows / PANEL_ROWS) * PANEL_ROWS * columns;
}

/**
 * Puts rows into a panel.
 * @param src `rows` rows of `columns` weights, `stride` floats apart
 * @param panel receives `panelLength(rows, columns)` floats
 */
export function packPanel(src: Float32Array, stride: number, rows: number, columns: number, panel: Float32Array): void {
  for (let group = 0; group < rows; group += PANEL_ROWS)
    for (let k = 0; k < columns; k++)
      for (let r = 0; r < PANEL_ROWS; r++)
        panel[group * columns + k * PANEL_ROWS + r] = group + r < rows ? src[(group + r) * stride + k]! : 0;
}

/** What is multiplied, and where the sums go. */
export interface Product {
  /** Activation rows, `xStride` floats apart. */
  readonly x: Float32Array;
  readonly xStride: number;
  readonly xRows: number;
  /** Columns of both. */
  readonly columns: number;
  /** Weight rows as a panel. */
  readonly panel: Float32Array;
  /** A multiple of `PANEL_ROWS`: the filled-up rows are multiplied too. */
  readonly panelRows: number;
  /** Columns that the panel has room for: groups are that many times `PANEL_ROWS` floats apart. */
  readonly panelColumns: number;
  /** Receives sum (t, r) at `t * outStride + r`. */
  readonly out: Float32Array;
  readonly outStride: number;
}

/** Multiplies every activation row with every weight row of a panel. */
export function multiply(product: Product): void {
  const { x, xStride, xRows, columns, panel, panelRows, panelColumns, out, outStride } = product;
  for (let t = 0; t < xRows; t++) {
    for (let r = 0; r < panelRows; r++) {
      const weights = (r - (r % PANEL_ROWS)) * panelColumns + (r % PANEL_ROWS);
      let total = 0;
      for (let start = 0; start < columns; start += CHUNK) {
        let sum = 0;
        for (let k = start; k < Math.min(start + CHUNK, columns); k++)
          sum = fround(sum + fround(x[t * xStride + k]! * panel[weights + k * PANEL_ROWS]!));
        total = fround(total + sum);
      }
      out[t * outStride + r] = total;
    }
  }
}
