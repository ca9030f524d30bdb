/** Matrices brought into the order in which they are multiplied. */
import { PANEL_ROWS } from "../../forward/numerics/multiply.ts";

/**
 * Columns into a panel, as if each were a row: panel[group of columns][row][column in group].
 * @param src `rows` rows of `columns`, `stride` floats apart
 * @param panelColumns rows that the panel has room for
 * @param panel the last group is filled up with zeros
 */
export function packColumns(
  src: Float32Array,
  stride: number,
  rows: number,
  columns: number,
  panel: Float32Array,
  panelColumns: number,
): void {
  for (let group = 0; group < columns; group += PANEL_ROWS)
    for (let row = 0; row < rows; row++)
      for (let c = 0; c < PANEL_ROWS; c++)
        panel[group * panelColumns + row * PANEL_ROWS + c] = group + c < columns ? src[row * stride + group + c]! : 0;
}

/** out[column][row] = src[row][column]; strides in floats. */
export function transpose(
  src: Float32Array,
  stride: number,
  rows: number,
  columns: number,
  out: Float32Array,
  outStride: number,
): void {
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) out[column * outStride + row] = src[row * stride + column]!;
}
