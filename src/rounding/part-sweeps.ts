/**
 * In what order the parts of a stop's matrices are done, and how many at a time: sums of a part are there from the first
 * window to the last, so as many parts are done in one sweep over the windows as have room for their sums.
 */
import { columnParts, type Columns } from "./column-parts.ts";
import type { SlicePart } from "./round-matrix.ts";
import { upperLength } from "./upper-matrix.ts";

/** Parts that are done in one sweep: slices of the same columns. */
export interface Sweep {
  readonly columns: Columns;
  readonly parts: readonly SlicePart[];
  /** True for the first sweep over these columns, and for the last columns of the slices. */
  readonly isFirst: boolean;
  readonly isLast: boolean;
}

/**
 * @param size columns of the matrices, `slices` of each
 * @param mostColumns of a part
 * @param room floats for sums; one part is done in any case
 */
export function partSweeps(size: number, slices: number, mostColumns: number, room: number): Sweep[] {
  const cuts = columnParts(size, mostColumns);
  return cuts.flatMap((columns, cut) => {
    const atATime = Math.max(1, Math.floor(room / upperLength(columns.count)));
    return Array.from({ length: Math.ceil(slices / atATime) }, (_, sweep): Sweep => {
      const first = sweep * atATime;
      const count = Math.min(atATime, slices - first);
      return {
        columns,
        parts: Array.from({ length: count }, (__, n) => ({ slice: first + n, columns })),
        isFirst: sweep === 0,
        isLast: cut === cuts.length - 1,
      };
    });
  });
}
