/** What came back from the workers, put together: bands to tensors, tensors to totals, always in order. */
import { combineHashes } from "../verify/xxh64.ts";
import { cosineOf, ERROR_SUM_COUNT, nmseOf } from "../verify/error-sums.ts";
import type { Quality } from "./conversion.types.ts";
import type { BandResult } from "./tasks.types.ts";

/** One tensor's bands, taken together. */
export interface TensorResult {
  readonly sourceHash: bigint;
  readonly hash: bigint;
  /** Absent when nothing was compared. */
  readonly sums?: readonly number[];
  /** Absent when no kernels ran. */
  readonly products?: readonly number[];
  readonly seconds: number;
}

/** Element-wise sums, in order. */
export function addUp(parts: readonly (readonly number[])[], length: number): number[] {
  return Array.from({ length }, (_, i) => parts.reduce((sum, part) => sum + part[i]!, 0));
}

/** @param bands all bands of one tensor, in band order */
export function combineBands(bands: readonly BandResult[]): TensorResult {
  const sums = bands.flatMap((band) => (band.sums === undefined ? [] : [band.sums]));
  const products = bands.flatMap((band) => (band.products === undefined ? [] : [band.products]));
  return {
    sourceHash: combineHashes(bands.map((band) => band.sourceHash)),
    hash: combineHashes(bands.map((band) => band.hash)),
    ...(sums.length === 0 ? {} : { sums: addUp(sums, ERROR_SUM_COUNT) }),
    ...(products.length === 0 ? {} : { products: addUp(products, 2) }),
    seconds: bands.reduce((sum, band) => sum + band.seconds, 0),
  };
}

/** Relative squared error of products; 0 when there is no difference. */
function relativeError([difference, total]: readonly number[]): number {
  return difference === 0 ? 0 : difference! / total!;
}

/** The sums in the words of a report. */
export function qualityOf({ sums, products }: Pick<TensorResult, "sums" | "products">): Quality | undefined {
  if (sums === undefined) return undefined;
  return {
    nmse: nmseOf(sums),
    cosine: cosineOf(sums),
    ...(products === undefined ? {} : { kernelError: relativeError(products) }),
  };
}

/** Pooled quality of many tensors. */
export function pooledQuality(results: readonly Pick<TensorResult, "sums" | "products">[]): Quality | undefined {
  const sums = results.flatMap((result) => (result.sums === undefined ? [] : [result.sums]));
  const products = results.flatMap((result) => (result.products === undefined ? [] : [result.products]));
  if (sums.length === 0) return undefined;
  return qualityOf({
    sums: addUp(sums, ERROR_SUM_COUNT),
    ...(products.length === 0 ? {} : { products: addUp(products, 2) }),
  });
}
