/** Takes the bias out of learned levels, slice by slice, once all bands of a tensor have told their sums. */
import type { Codebook } from "../../codecs/codec.ts";
import { scaleSums, unbiasFactor } from "../fit/unbias-levels.ts";
import { ERROR_SUM_COUNT } from "../verify/error-sums.ts";
import { addUp } from "./results.ts";
import type { Band } from "./worker/bands.ts";
import type { BandResult } from "./worker/tasks.types.ts";

/**
 * @param results of all bands of a tensor, with sums
 * @param codebooks of its slices: they are replaced by ones with other levels
 * @returns the results with the sums that belong to the new levels
 */
export function unbiasLevels(
  results: readonly BandResult[],
  bands: readonly Band[],
  codebooks: Codebook[],
): BandResult[] {
  const unbiased = [...results];
  for (const [slice, { tables, levels }] of codebooks.entries()) {
    const own = results.flatMap((_, index) => (bands[index]!.slice === slice ? [index] : []));
    const factor = unbiasFactor(
      addUp(
        own.map((index) => results[index]!.sums!),
        ERROR_SUM_COUNT,
      ),
    );
    codebooks[slice] = { tables, levels: levels.map((level) => level * factor) };
    for (const index of own) {
      const { sums, products, ...rest } = results[index]!;
      unbiased[index] = {
        ...rest,
        sums: scaleSums(sums!, factor),
        ...(products === undefined ? {} : { products: scaleSums(products, factor) }),
      };
    }
  }
  return unbiased;
}
