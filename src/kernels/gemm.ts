/**
 * The reference kernels: products of packed weights with 8-bit activations, for every format and layout.
 *
 * The order of the f32 operations is defined here, once, whatever the layout and however many activation rows: for
 * each weight row, block after block and step after step,
 *
 *   y = fround(y + fround(fround(d * a) * fround(S)))          S the exact integer sum of the step
 *   y = fround(y - fround(fround(m * a) * fround(M)))          for formats with minima
 *
 * so results are bit-equal across layouts, thread counts and implementations. gemm.simd.ts is the fast twin.
 */
import { rowBytes } from "../../codecs/codec.ts";
import { unpack } from "../../layouts/pack.ts";
import type { PackedMatrix } from "../../layouts/packed-matrix.ts";
import { ACTIVATION_BLOCK, makeTile, SUM_SIZE } from "./integer-view.ts";
import type { IntegerView, IntegerTile } from "./integer-view.ts";
import type { Activations } from "./quantize-activations.ts";
import { findView } from "./views.ts";

const fround = Math.fround;

/** @throws RangeError when the matrix and the activations do not belong together */
function checkOperands({ layout, bytes, rows, rowLength }: PackedMatrix, acts: Activations): IntegerView {
  const { format, name } = layout;
  const view = findView(format);
  if (view === undefined) throw new RangeError(`no kernel for ${format.name}`);
  if (acts.kind !== view.activation)
    throw new RangeError(`${format.name} is multiplied with ${view.activation} activations, found ${acts.kind}`);
  if (acts.rowLength !== rowLength || rowLength % format.blockSize !== 0)
    throw new RangeError(`${format.name}: rows of ${rowLength} weights and ${acts.rowLength} activations`);
  if (rows % layout.rowsPerGroup !== 0 || bytes.length < rows * rowBytes(format, rowLength))
    throw new RangeError(`${format.name} ${name}: ${bytes.length} bytes for ${rows} rows of ${rowLength} weights`);
  return view;
}

/** The sums of one block with one activation row, added to `y`. */
function addBlock(
  y: number,
  view: IntegerView,
  tile: IntegerTile,
  blockSize: number,
  acts: Activations,
  first: number,
): number {
  const { stepSize, hasMinima } = view;
  const activationBlock = ACTIVATION_BLOCK[acts.kind];
  for (let step = 0; step < blockSize / stepSize; step++) {
    const start = first + step * stepSize;
    const scale = acts.scales[Math.floor(start / activationBlock)]!;
    let sum = 0;
    for (let j = 0; j < stepSize; j++) sum += tile.values[step * stepSize + j]! * acts.codes[start + j]!;
    y = fround(y + fround(fround(tile.d[step]! * scale) * fround(sum)));
    if (!hasMinima) continue;
    let minimum = 0;
    for (let j = 0; j < stepSize / SUM_SIZE; j++)
      minimum += tile.minima[(step * stepSize) / SUM_SIZE + j]! * acts.sums[start / SUM_SIZE + j]!;
    y = fround(y - fround(fround(tile.m[step]! * scale) * fround(minimum)));
  }
  return y;
}

/**
 * Matrix-matrix product: every weight row with every activation row.
 * @param out receives `acts.rows * matrix.rows` sums, `out[activationRow * matrix.rows + row]`
 * @throws RangeError when sizes, kinds or the codebook do not fit
 */
export function gemm(matrix: PackedMatrix, acts: Activations, out: Float32Array): void {
  const view = checkOperands(matrix, acts);
  const { layout, bytes, rows, rowLength, codebook } = matrix;
  if (out.length < acts.rows * rows) throw new RangeError(`room for ${out.length} sums, expected ${acts.rows * rows}`);
  const { format, rowsPerGroup } = layout;
  const bytesPerRow = rowBytes(format, rowLength);
  const group = new Uint8Array(rowsPerGroup * bytesPerRow);
  const tile = makeTile();
  const sums = new Float32Array(acts.rows);
  for (let row = 0; row < rows; row++) {
    const inGroup = row % rowsPerGroup;
    if (inGroup === 0) unpack(layout, bytes.subarray(row * bytesPerRow), group, rowsPerGroup, bytesPerRow);
    sums.fill(0);
    for (let column = 0; column < rowLength; column += format.blockSize) {
      const at = inGroup * bytesPerRow + (column / format.blockSize) * format.blockBytes;
      view.read(group, at, tile, codebook);
      for (let act = 0; act < acts.rows; act++)
        sums[act] = addBlock(sums[act]!, view, tile, format.blockSize, acts, act * rowLength + column);
    }
    for (let act = 0; act < acts.rows; act++) out[act * rows + row] = sums[act]!;
  }
}

/**
 * Matrix-vector product: `gemm` with one activation row.
 * @param out receives `matrix.rows` sums
 */
export function gemv(matrix: PackedMatrix, acts: Activations, out: Float32Array): void {
  if (acts.rows !== 1) throw new RangeError(`a matrix-vector product takes one activation row, found ${acts.rows}`);
  gemm(matrix, acts, out);
}
