/** The codebook formats: int8 table entries as values, the scale level as the step's scale. */
import type { CodebookFormat } from "../../../codecs/codec.ts";
import { unpackCodes } from "../../../codecs/codebooks/codebook-codes.ts";
import { plainView, type IntegerView } from "../integer-view.ts";

const codes = new Uint8Array(64);

/** The view of a codebook format of any code width, of single weights or pairs. */
export function codebookView(format: CodebookFormat): IntegerView {
  const { blockSize, dimension, tableLength } = format;
  const points = tableLength / dimension;
  return plainView("q8_0", 32, (block, at, tile, codebook) => {
    if (codebook === undefined) throw new RangeError(`a kernel of ${format.name} needs its codebook`);
    // A level or table beyond the codebook counts as zero, as the decoder has it.
    tile.d.fill(codebook.levels[block[at]!] ?? 0, 0, blockSize / 32);
    const table = block[at + 1]! * tableLength;
    unpackCodes(format, blockSize, block, at + 2, codes);
    for (let j = 0; j < blockSize; j++)
      tile.values[j] = codebook.tables[table + (j % dimension) * points + codes[Math.floor(j / dimension)]!] ?? 0;
  });
}
