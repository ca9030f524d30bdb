/**
 * Tables that are not learned, one line each: what others use for every tensor, to show what learning buys. A codebook
 * of fixed tables has learned scale levels only.
 *
 * Entries ascend and are scaled so that the largest magnitude is 127 at most; the mirrored tables come for free, since
 * levels may be negative.
 */

/** Sixteen entries each; formats of 16 entries (q4_cb, q4_cb_g64) can use them. */
const FIXED_TABLES: ReadonlyMap<string, readonly (readonly number[])[]> = new Map([
  // ggml's non-linear 4-bit values.
  ["iq4_nl", [[-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113]]],
  // NormalFloat (arXiv:2305.14314): quantiles of a Gaussian over [-1, 1], exact zero, times 127.
  ["nf4", [[-127, -88, -67, -50, -36, -23, -12, 0, 10, 20, 31, 43, 56, 71, 92, 127]]],
  // E2M1: 0, 0.5, 1, 1.5, 2, 3, 4, 6 and their negatives, times 20; the two zeros are one.
  ["fp4", [[-120, -80, -60, -40, -30, -20, -10, 0, 0, 10, 20, 30, 40, 60, 80, 120]]],
  // BitMoD (arXiv:2411.11745): E2M1 whose second zero becomes one of four special values, +-5 or +-8; times 20, or 15
  // with the larger ones. Mirroring makes the negative specials.
  [
    "bitmod",
    [
      [-120, -80, -60, -40, -30, -20, -10, 0, 10, 20, 30, 40, 60, 80, 100, 120],
      [-90, -60, -45, -30, -22, -15, -8, 0, 8, 15, 22, 30, 45, 60, 90, 120],
    ],
  ],
]);

/** Entries per table of all of them. */
export const FIXED_TABLE_LENGTH = 16;

/** Names for `--tables-from`. */
export const FIXED_TABLE_NAMES: readonly string[] = [...FIXED_TABLES.keys()];

/**
 * The tables of that name, one after the other.
 * @returns undefined for an unknown name
 */
export function fixedTables(name: string): Int8Array | undefined {
  const tables = FIXED_TABLES.get(name.toLowerCase());
  return tables === undefined ? undefined : Int8Array.from(tables.flat());
}
