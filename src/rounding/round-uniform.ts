/** Rounding to self-contained formats: scales from the format's own encoder, codes by feedback and descent. */
import type { Codec } from "../../codecs/codec.ts";
import type { Algebra } from "./algebra/algebra.ts";
import { descend, feedBack, type Band, type RoundColumns } from "./band.ts";
import { writeCodes } from "./code-bits.ts";
import { formatGrid, readScales } from "./group-grid.ts";
import type { RowRounder } from "./row-rounder.ts";
import { BLOCK } from "./upper-matrix.ts";

/** Floats of a rounder's column-major blocks, for bands of so many rows. */
const COLUMN_MAJOR_BLOCKS = 5;

/** Bytes of a rounder in the algebra's memory. */
export function uniformRounderBytes(rows: number): number {
  return COLUMN_MAJOR_BLOCKS * (4 * rows * BLOCK + 128) + rows * BLOCK + 2048;
}

/** @param rows of a band at most */
export function uniformRounder(algebra: Algebra, codec: Codec, rows: number): RowRounder {
  const format = formatGrid(codec, algebra);
  const bound = algebra.bindCodec(codec);
  const stored = Uint8Array.from({ length: 256 }, (_, code) => format.storedCode((code << 24) >> 24) ?? 0);
  const floats = (): Float32Array => algebra.floats(rows * BLOCK);
  const turned = {
    gradients: floats(),
    base: floats(),
    scales: floats(),
    offsets: floats(),
    values: floats(),
    codes: algebra.bytes(rows * BLOCK),
  };

  /** Rounds a block of columns, for which the rows lie in lanes. */
  const roundColumns =
    (band: Band): RoundColumns =>
    ({ block, first, count }) => {
      const { size, scales, offsets, codes } = band;
      algebra.transpose(block.gradients, BLOCK, band.rows, count, turned.gradients, band.rows);
      algebra.transpose(block.base, BLOCK, band.rows, count, turned.base, band.rows);
      algebra.transpose(scales.subarray(first), size, band.rows, count, turned.scales, band.rows);
      algebra.transpose(offsets.subarray(first), size, band.rows, count, turned.offsets, band.rows);
      const { matrix, diagonal } = block;
      algebra.roundBlock({
        ...turned,
        rows: band.rows,
        columns: count,
        matrix,
        matrixStride: BLOCK,
        diagonal,
        grid: format.grid,
      });
      algebra.transpose(turned.gradients, band.rows, count, band.rows, block.gradients, BLOCK);
      algebra.transpose(turned.values, band.rows, count, band.rows, block.values, BLOCK);
      for (let c = 0; c < count; c++)
        for (let row = 0; row < band.rows; row++) codes[row * size + first + c] = turned.codes[c * band.rows + row]!;
    };

  return {
    round(band, factor, importance, descents, squares, blocks) {
      bound.encode(band.weights, blocks, band.size, importance);
      readScales(format, bound, blocks, band.scales, band.offsets);
      const round = roundColumns(band);
      feedBack(band, factor, round);
      for (let pass = 0; pass < descents; pass++) descend(band, factor, squares, round);
      for (let i = 0; i < band.codes.length; i++) band.codes[i] = stored[band.codes[i]!]!;
      writeCodes(format.bits, band.codes, blocks);
    },
    decode: (blocks, values) => bound.decode(blocks, values),
  };
}
