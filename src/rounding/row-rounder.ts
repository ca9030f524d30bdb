/** How the rows of a matrix are rounded in a format: one implementation for each kind of format. */
import type { Band } from "./band.ts";
import type { Factor } from "./factor.ts";

/** What all bands of a matrix are rounded with, beside the factor. */
export interface RoundingSettings {
  /** Of each column, the diagonal of H. */
  readonly importance: Float32Array;
  /** Passes of coordinate descent. */
  readonly descents: number;
  /** Of the factor's diagonal blocks, for descents. */
  readonly squares: Float32Array;
}

export interface RowRounder {
  /**
   * Rounds `band.wanted`, and encodes what came out; values and what is `left` are in the band afterwards.
   * @param band `weights` are what scales are chosen for
   * @param blocks receives the band's rows as encoded blocks
   */
  round(band: Band, factor: Factor, settings: RoundingSettings, blocks: Uint8Array): void;
  /** Encoded rows to f32. */
  decode(blocks: Uint8Array, values: Float32Array): void;
}
