/** What an unfinished calibration is known by. */

export interface JournalPlace {
  readonly folder: string;
  /** Steps that are finished: layers, then the output matrix. */
  readonly doneSteps: number;
  /** Bytes of their codes. */
  readonly codeBytes: number;
  /** Hash of the states after the last of them; absent before the first and after the last step. */
  readonly stateHash?: string;
  /** Room for the hashes of the states of each window, on memory that all threads share. */
  readonly windowHashes: BigUint64Array;
}

/** A finished step. */
export interface StepRecord {
  readonly kind: "step";
  readonly step: number;
  /** Bytes of codes up to its end, and the hash of its own. */
  readonly codeBytes: number;
  readonly codeHash: string;
  /** Absent after the last step. */
  readonly stateHash?: string;
  readonly tensors: readonly {
    readonly name: string;
    readonly stats: readonly number[];
    /** Levels of each slice of a codebook format: f32, little-endian, in base64. */
    readonly levels?: readonly string[];
  }[];
}
