/** What a codebook tensor learned and how it uses it: tables, scale levels, and how often each is chosen. */
import { unpackCodes } from "../../codecs/codebooks/codebook-codes.ts";
import type { CodebookFormat } from "../../codecs/codec.ts";
import { sliceCount, type Model, type Tensor } from "../read/model.ts";
import { withTensorReader } from "../open/tensor-reader.ts";

/** The learned part of one matrix. */
export interface InspectedCodebook {
  readonly tensor: string;
  readonly codec: string;
  /** Matrix of a stack of experts; 0 for a plain tensor. */
  readonly slice: number;
  readonly tableCount: number;
  readonly tableLength: number;
  /** `tableCount * tableLength` entries; for pairs, all first coordinates of a table before its second ones. */
  readonly tables: readonly number[];
  readonly levels: readonly number[];
  /** Groups whose choice is counted below; of large tensors, evenly spread rows. */
  readonly groups: number;
  /** How many groups chose each table, each level; how many weights (or pairs) each code. */
  readonly tableUse: readonly number[];
  readonly levelUse: readonly number[];
  readonly codeUse: readonly number[];
  /** Bits that an ideal entropy coder would need for a choice: how evenly the numbers are used. */
  readonly tableEntropy: number;
  readonly levelEntropy: number;
  readonly codeEntropy: number;
}

/** Enough for histograms of 256 bins to be steady to a few percent, and read in well under a second. */
const MAX_COUNTED_WEIGHTS = 2 ** 22;

function entropy(counts: Float64Array): number {
  const total = counts.reduce((sum, count) => sum + count, 0);
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / total) * Math.log2(count / total);
  return bits;
}

/**
 * Reads the learned tables of a tensor and counts how they are used, slice by slice.
 * @param tensor one with codebooks (`hasCodebooks`)
 */
export async function inspectCodebooks(model: Model, tensor: Tensor): Promise<readonly InspectedCodebook[]> {
  return withTensorReader(model, tensor, (reader) => {
    const format = reader.format as CodebookFormat;
    const { codeBits, dimension, blockSize, blockBytes, tableLength } = format;
    const slices = sliceCount(tensor.shape);
    const rowsPerSlice = reader.rows / slices;
    const countedRows = Math.max(1, Math.floor(MAX_COUNTED_WEIGHTS / slices / tensor.shape[0]!));
    const step = Math.max(1, Math.ceil(rowsPerSlice / countedRows));
    const codes = new Uint8Array(blockSize / dimension);
    return tensor.codebooks!.map(({ tables, levels }, slice): InspectedCodebook => {
      const tableUse = new Float64Array(tables.length / tableLength);
      const levelUse = new Float64Array(levels.length);
      const codeUse = new Float64Array(1 << codeBits);
      let groups = 0;
      for (let row = 0; row < rowsPerSlice; row += step) {
        const blocks = reader.blocks(slice * rowsPerSlice + row, slice * rowsPerSlice + row + 1);
        for (let offset = 0; offset < blocks.length; offset += blockBytes) {
          groups++;
          // A damaged file may name numbers that do not exist: they decode to zero and are not counted.
          if (blocks[offset]! < levelUse.length) levelUse[blocks[offset]!]!++;
          if (blocks[offset + 1]! < tableUse.length) tableUse[blocks[offset + 1]!]!++;
          unpackCodes({ codeBits, dimension }, blockSize, blocks, offset + 2, codes);
          for (const code of codes) codeUse[code]!++;
        }
      }
      return {
        ...{ tensor: tensor.name, codec: format.name, slice, tableCount: tableUse.length, tableLength },
        ...{ tables: [...tables], levels: [...levels], groups },
        ...{ tableUse: [...tableUse], levelUse: [...levelUse], codeUse: [...codeUse] },
        tableEntropy: entropy(tableUse),
        levelEntropy: entropy(levelUse),
        codeEntropy: entropy(codeUse),
      };
    });
  });
}
