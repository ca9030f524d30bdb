/** Matrices that are cut into some columns each, so that the H of a part fits where that of the whole does not. */

/** Columns of a matrix, in a row. */
export interface Columns {
  readonly first: number;
  readonly count: number;
}

/** Parts begin where every format's blocks do. */
export const PART_MULTIPLE = 256;

/**
 * Cuts columns into parts of about the same size.
 * @param most columns of a part, a multiple of `PART_MULTIPLE`
 */
export function columnParts(columns: number, most: number): Columns[] {
  const parts = Math.ceil(columns / most);
  const size = Math.ceil(columns / parts / PART_MULTIPLE) * PART_MULTIPLE;
  return Array.from({ length: Math.ceil(columns / size) }, (_, part) => {
    const first = part * size;
    return { first, count: Math.min(size, columns - first) };
  });
}
