/** How the rows of a matrix are rounded in a format: one implementation for each kind of format. */
import type { Band } from "./band.ts";
import type { Factor } from "./factor.ts";

export interface RowRounder {
  /**
   * Rounds `band.wanted`, and encodes what came out; values and what is `left` are in the band afterwards.
   * @param band `weights` are what scales are chosen for
   * @param importance of each column, the diagonal of H
   * @param descents passes of coordinate descent
   * @param squares of the factor's diagonal blocks, for descents
   * @param blocks receives the band's rows as encoded blocks
   */
  round(
    band: Band,
    factor: Factor,
    importance: Float32Array,
    descents: number,
    squares: Float32Array,
    blocks: Uint8Array,
  ): void;
  /** Encoded rows to f32. */
  decode(blocks: Uint8Array, values: Float32Array): void;
}
