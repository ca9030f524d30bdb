/** How the rows of a matrix are rounded in a format: one implementation for each kind of format. */
import type { Band } from "./band.ts";
import type { Factor } from "./factor.ts";
import type { RowTask } from "./round-rows.ts";

export interface RowRounder {
  /**
   * Rounds `band.wanted`, and encodes what came out; values and what is `left` are in the band afterwards.
   * @param band `weights` are what scales are chosen for
   * @param blocks receives the band's rows as encoded blocks
   */
  round(
    band: Band,
    factor: Factor,
    task: Pick<RowTask, "importance" | "descents" | "squares">,
    blocks: Uint8Array,
  ): void;
  /** Encoded rows to f32. */
  decode(blocks: Uint8Array, values: Float32Array): void;
}
