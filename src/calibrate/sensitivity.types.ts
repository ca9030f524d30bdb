/** What quantizing each tensor alone costs the model: plain data, kept in a file so that many targets cost one measurement. */

export const SENSITIVITY_VERSION = 1;

export interface SensitiveTensor {
  readonly name: string;
  /** Innermost first. */
  readonly shape: readonly number[];
  /** Mean KL divergence of the model with this tensor alone in the reference type, in nats. */
  readonly divergence: number;
  /** By candidate: the type that the tensor gets (another one where rows do not divide), its bytes and its NMSE. */
  readonly types: Readonly<Record<string, { readonly codec: string; readonly bytes: number; readonly nmse: number }>>;
}

export interface Sensitivity {
  readonly format: typeof SENSITIVITY_VERSION;
  /** The model: names and sizes of its files. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** The text: `self`, or a file's name with its hash. */
  readonly text: string;
  readonly textHash?: string;
  readonly seed?: number;
  readonly context: number;
  readonly tokens: number;
  /** The candidate whose divergences were measured; those of others follow from their NMSE. */
  readonly reference: string;
  readonly candidates: readonly string[];
  readonly tensors: readonly SensitiveTensor[];
}
