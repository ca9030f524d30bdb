/** What a fit works on, and what each group of it chose. */

/** The choices of the first `count` groups of a sample. */
export interface GroupChoices {
  /** weight = scale * entry; 0 for groups of zeros. */
  readonly scales: Float32Array;
  /** Squared error of each group, weighted by importance, in units of 1/4096. */
  readonly errors: Float32Array;
  readonly tables: Uint8Array;
  /** `blockSize / dimension` codes a group. */
  readonly codes: Uint8Array;
}

/** What the fit knows of a tensor: whole groups, one after the other, with the importance of each weight or none. */
export interface Sample {
  readonly weights: Float32Array;
  readonly importance?: Float32Array | undefined;
}
