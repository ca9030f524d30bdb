/** Importance of weights: for each column of a tensor, the mean square of the activations that meet it. */

export interface Imatrix {
  /** The path as the user gave it. */
  readonly path: string;
  readonly format: "legacy" | "gguf";
  /** By tensor name: one value per column and slice, slice after slice, finite and not negative. */
  readonly entries: ReadonlyMap<string, Float32Array>;
  /** Texts that the activations were measured on. */
  readonly datasets: readonly string[];
  /** Chunks of text that were read, where the file says. */
  readonly chunkCount?: number;
}
