/** What came back from the workers, put together: bands to tensors, tensors to totals, always in order. */
import { isQuantized } from "../../codecs/codec.ts";
import { findFormat } from "../../codecs/registry.ts";
import { combineHashes } from "../verify/xxh64.ts";
import { PRODUCT_SUM_COUNT } from "../verify/kernel-check.ts";
import { cosineOf, ERROR_SUM_COUNT, nmseOf } from "../verify/error-sums.ts";
import type { Quality } from "../verify/quality.types.ts";
import type { BandResult } from "./worker/tasks.types.ts";

/** One tensor's bands, taken together. */
export interface TensorResult {
  readonly sourceHash: bigint;
  readonly hash: bigint;
  /** Absent when nothing was compared. */
  readonly sums?: readonly number[];
  /** Absent when no kernels ran. */
  readonly products?: readonly number[];
  /** Of calibrated tensors: see `TensorReport`. */
  readonly outputError?: number;
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
    ...(products.length === 0 ? {} : { products: addUp(products, PRODUCT_SUM_COUNT) }),
    seconds: bands.reduce((sum, band) => sum + band.seconds, 0),
  };
}

/** Relative squared error of products; 0 when there is no difference, undefined where they overflowed. */
function relativeError([difference, total]: readonly number[]): number | undefined {
  const error = difference === 0 ? 0 : difference! / total!;
  return Number.isFinite(error) ? error : undefined;
}

/** The sums in the words of a report. */
export function qualityOf({ sums, products }: Pick<TensorResult, "sums" | "products">): Quality | undefined {
  if (sums === undefined) return undefined;
  const kernelError = products && relativeError(products);
  return { nmse: nmseOf(sums), cosine: cosineOf(sums), ...(kernelError !== undefined && { kernelError }) };
}

/** A compared tensor and the codec that its weights went through. */
export interface PooledResult extends Pick<TensorResult, "sums" | "products"> {
  readonly codec: string;
}

/**
 * Pooled quality of many tensors. Tensors that are floats on both sides (norms, widened from f16 to f32) would only
 * dilute the error of those that were quantized: they count when there are no others.
 */
export function pooledQuality(results: readonly PooledResult[]): Quality | undefined {
  const compared = results.filter((result) => result.sums !== undefined);
  const quantized = compared.filter(({ codec }) => isQuantized(findFormat(codec)!));
  const pooled = quantized.length > 0 ? quantized : compared;
  if (pooled.length === 0) return undefined;
  const products = pooled.flatMap((result) => (result.products === undefined ? [] : [result.products]));
  return qualityOf({
    sums: addUp(
      pooled.map((result) => result.sums!),
      ERROR_SUM_COUNT,
    ),
    ...(products.length === 0 ? {} : { products: addUp(products, PRODUCT_SUM_COUNT) }),
  });
}
