/** 8-bit floats and integers with scales: of the tensor, of its rows, or of blocks. */
import { QuantizeError } from "../../../errors.ts";
import type { PlacedEntry, SafetensorsSet } from "../../safetensors/safetensors-set.ts";
import type { ScaledArray } from "../../stored-array.types.ts";
import { viewOf } from "../../view.ts";
import { numbersOf, placeOf, type SourceTensor } from "../source-tensors.ts";

/** Rows and columns that share a scale; undefined where the scales' number tells. */
export type BlockSize = readonly [rows: number, columns: number] | undefined;

/**
 * A tensor of small numbers times its scales.
 * @param name of the tensor in the language model
 * @param blockSize as the folder states it
 * @throws QuantizeError `bad-format` for scales of a number that does not suit
 */
export function scaledTensor(
  set: SafetensorsSet,
  name: string,
  weights: PlacedEntry,
  scales: PlacedEntry,
  blockSize: BlockSize,
  factor?: number,
): SourceTensor {
  const place = placeOf(set, weights);
  const columns = weights.shape.at(-1) ?? 1;
  const rows = weights.shape.slice(0, -1).reduce((product, n) => product * n, 1);
  const matrixRows = weights.shape.at(-2) ?? 1;
  const count = scales.shape.reduce((product, n) => product * n, 1);
  const [blockRows, blockColumns] = blocksOf(count, rows, columns, blockSize);
  const perMatrix = Math.ceil(matrixRows / blockRows) * (rows / matrixRows);
  const expected = count === 1 ? 1 : perMatrix * Math.ceil(columns / blockColumns);
  // Blocks must not reach from one matrix into the next.
  const isWhole = rows === matrixRows || blockRows === 1 || count === 1 || matrixRows % blockRows === 0;
  if (count !== expected || !isWhole) {
    const of = `[${weights.shape.join(", ")}]`;
    const found = `[${scales.shape.join(", ")}] in ${placeOf(set, scales)}`;
    throw new QuantizeError("bad-format", `${place}: expected ${expected} scales for ${of}, found ${found}`);
  }
  const array: ScaledArray = {
    kind: "scaled",
    numbers: numbersOf(set, weights),
    columns,
    scales: numbersOf(set, scales),
    blockRows,
    blockColumns,
    ...(factor === undefined ? {} : { factor }),
  };
  return { name, codec: "f32", array, view: viewOf(weights.shape), place };
}

/** One scale for all, one for each row, or one for each block. */
function blocksOf(count: number, rows: number, columns: number, stated: BlockSize): readonly [number, number] {
  if (count === 1) return [rows, columns];
  return stated ?? (count === rows ? [1, columns] : [1, 1]);
}
