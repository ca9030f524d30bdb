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
  /** Slices (experts) without a measurement, by tensor: they count as neutral, all columns alike. */
  readonly unseenSlices: ReadonlyMap<string, number>;
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  /** Which of the file's entries are meant, as it was asked for. */
  readonly filter: ImatrixFilter;
}

/** Which entries to use, by parts of their names. At most one of the two. */
export interface ImatrixFilter {
  /** Only entries whose name contains one of these. */
  readonly include?: readonly string[];
  /** All entries but those whose name contains one of these. */
  readonly exclude?: readonly string[];
}

/** What a reader finds for one tensor: sums of squares, and how many activations they are of. */
export interface ImatrixEntry {
  readonly name: string;
  /** Column after column, slice after slice. */
  readonly sums: Float32Array;
  /** One per slice, or one for all. */
  readonly counts: readonly number[];
}

/** A file as it was read, before sums become means. */
export interface ImatrixContent {
  readonly format: Imatrix["format"];
  readonly entries: readonly ImatrixEntry[];
  readonly datasets: readonly string[];
  readonly chunkCount?: number;
  /** Tokens of a chunk, where the file says. */
  readonly chunkSize?: number;
}
