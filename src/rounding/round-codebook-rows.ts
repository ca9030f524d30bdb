/** Rounding to codebooks: level, table and codes of each group by what they leave, tables and levels as they were learned. */
import { packCodes } from "../../codecs/codebooks/codebook-codes.ts";
import { MAX_TABLES } from "../../codecs/codebooks/codebook-format.ts";
import { prepareCodebook } from "../../codecs/codebooks/prepare-codebook.ts";
import { preparedBytes } from "../../codecs/codebooks/prepared-codebook.ts";
import type { Codebook, CodebookFormat } from "../../codecs/codec.ts";
import type { Algebra } from "./algebra/algebra.ts";
import { descend, feedBack, type Band, type RoundColumns } from "./band.ts";
import type { RowRounder } from "./row-rounder.ts";
import { BLOCK } from "./upper-matrix.ts";

const SCRATCH_BYTES = 2048;

/** A rounder whose tables can be exchanged. */
export interface CodebookRounder extends RowRounder {
  use(codebook: Codebook): void;
}

/** Bytes of a rounder in the algebra's memory, for bands of so many rows and weights. */
export function codebookRounderBytes(format: CodebookFormat, rows: number, weights: number): number {
  const choices = (2 * weights) / format.blockSize;
  return preparedBytes(format, MAX_TABLES) + choices + rows * BLOCK + SCRATCH_BYTES + 6 * 128;
}

/**
 * @param rows, weights of a band at most
 * @param candidates levels and tables to try for each group
 */
export function codebookRounder(
  algebra: Algebra,
  format: CodebookFormat,
  rows: number,
  weights: number,
  candidates: number,
): CodebookRounder {
  const { blockSize, dimension } = format;
  const room = algebra.bytes(preparedBytes(format, MAX_TABLES));
  const choices = algebra.bytes((2 * weights) / blockSize);
  const blockCodes = algebra.bytes(rows * BLOCK);
  const scratch = algebra.bytes(SCRATCH_BYTES);
  let prepared = room;
  let decode: (blocks: Uint8Array, values: Float32Array) => void = () => {
    throw new Error("a codebook rounder without a codebook");
  };

  /** Choices of a block of columns, those of all its rows together. */
  const choicesAt = ({ rows }: Band, first: number, count: number): Uint8Array => {
    const start = (2 * rows * first) / blockSize;
    return choices.subarray(start, start + (2 * rows * count) / blockSize);
  };

  const roundColumns =
    (band: Band): RoundColumns =>
    ({ block, first, count, isDescent }) => {
      algebra.roundCodebook({
        ...block,
        preparedCodebook: prepared,
        rows: band.rows,
        columns: count,
        stride: BLOCK,
        matrixStride: BLOCK,
        candidates: isDescent ? 0 : candidates,
        choices: choicesAt(band, first, count),
        codes: blockCodes,
        scratch,
      });
      for (let row = 0; row < band.rows; row++) {
        band.codes.set(blockCodes.subarray(row * BLOCK, row * BLOCK + count), row * band.size + first);
      }
    };

  /** Level, table and codes of every group, packed. */
  const encode = (band: Band, blocks: Uint8Array): void => {
    const { rows, size, codes } = band;
    const groupCodes = new Uint8Array(blockSize / dimension);
    let at = 0;
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < size; column += blockSize, at += format.blockBytes) {
        const first = column - (column % BLOCK);
        const count = Math.min(BLOCK, size - first);
        const choice = 2 * ((row * count) / blockSize + (column - first) / blockSize);
        const own = choicesAt(band, first, count);
        blocks[at] = own[choice]!;
        blocks[at + 1] = own[choice + 1]!;
        for (let code = 0; code < groupCodes.length; code++)
          groupCodes[code] = codes[row * size + column + code * dimension]!;
        packCodes(format, blockSize, groupCodes, blocks, at + 2);
      }
    }
  };

  return {
    use(codebook) {
      const bytes = prepareCodebook(format, codebook, "normal");
      prepared = room.subarray(0, bytes.length);
      prepared.set(bytes);
      const codec = format.bind(codebook);
      decode = algebra.decoder(codec, prepared);
    },
    round(band, factor, _, descents, squares, blocks) {
      const round = roundColumns(band);
      feedBack(band, factor, round);
      for (let pass = 0; pass < descents; pass++) descend(band, factor, squares, round);
      encode(band, blocks);
    },
    decode: (blocks, values) => decode(blocks, values),
  };
}
