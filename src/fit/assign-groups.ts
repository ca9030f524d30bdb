/**
 * The two steps of a round of fitting that look at every weight. Assigning: which table, scale and codes each group of
 * the sample would choose from the present tables; it is the encoder's own search, without levels. Improving: better
 * entries for those choices. Both have WebAssembly twins that give the same numbers.
 */
import type { CodebookFormat, Effort } from "../../codecs/codec.ts";
import { searchGroup } from "../../codecs/codebooks/group-search.ts";
import { prepareCodebook } from "../../codecs/codebooks/prepare-codebook.ts";
import { viewPreparedCodebook } from "../../codecs/codebooks/prepared-codebook.ts";
import { makeSearchScratch } from "../../codecs/codebooks/search-scratch.ts";
import type { GroupChoices, Sample } from "./group-choices.ts";
import { improveTables } from "./table-statistics.ts";

/** The steps, for one sample. Results may be reused by the next call. */
export interface FitSteps {
  /** Lets the first `count` groups choose among `tables`, with the search of `effort`. */
  readonly assign: (tables: Int8Array, count: number, effort: Effort) => GroupChoices;
  /** Better entries for the first `count` groups, by the choices of the last `assign`; see `improveTables`. */
  readonly improve: (entries: Float64Array, count: number) => Float64Array;
}

export type MakeFitSteps = (format: CodebookFormat, sample: Sample) => FitSteps;

const NO_LEVELS = new Float32Array(0);

/** The definition, in plain TypeScript. */
export const fitSteps: MakeFitSteps = (format, sample) => {
  const { blockSize, dimension } = format;
  const { weights, importance } = sample;
  const groups = weights.length / blockSize;
  const codeCount = blockSize / dimension;
  const choices: GroupChoices = {
    scales: new Float32Array(groups),
    errors: new Float32Array(groups),
    tables: new Uint8Array(groups),
    codes: new Uint8Array(groups * codeCount),
  };
  return {
    assign(tables, count, effort) {
      const prepared = viewPreparedCodebook(prepareCodebook(format, { tables, levels: NO_LEVELS }, effort));
      const scratch = makeSearchScratch(prepared);
      const { choice } = scratch;
      for (let g = 0; g < count; g++) {
        searchGroup(prepared, scratch, weights, g * blockSize, importance, g * blockSize);
        choices.scales[g] = choice.scale;
        choices.errors[g] = choice.error;
        choices.tables[g] = choice.table;
        choices.codes.set(choice.codes, g * codeCount);
      }
      return choices;
    },
    improve: (entries, count) => improveTables(format, sample, choices, count, entries),
  };
};
