/** How near weights and products came to the original, and how near they must come. */

/** Quality bounds. A run that misses one ends with a QuantizeError of code `budget`. */
export interface QualityBudget {
  /** Greatest allowed NMSE of any tensor that was quantized. */
  readonly maxNmse?: number;
  /** Least allowed cosine of any tensor that was quantized. */
  readonly minCosine?: number;
}

/** How near one tensor came to the original. All sums run over the whole tensor in f64. */
export interface Quality {
  /** sum (w - w')^2 / sum w^2, w' decoded from the written bytes; 0 when both sums are 0. */
  readonly nmse: number;
  /** sum w w' / sqrt(sum w^2 * sum w'^2); 1 when both are all zero. */
  readonly cosine: number;
  /**
   * sum (y - y')^2 / sum y^2 over sampled rows: y the float product with seeded activations, y' the kernel's
   * from the written bytes and quantized activations. Absent at verify level `weights`, for formats without kernels, and
   * where products overflow f32.
   */
  readonly kernelError?: number;
}
