/**
 * Fits a codebook to a sample of a tensor: tables, then scale levels, of least (importance-weighted) squared error.
 *
 * Alternating minimisation, grown by splitting: one table, fitted to all groups; then the tables with the largest
 * error are split in two, along the direction in which their groups' own optima differ most, until there are enough;
 * after every split a few rounds of (a) the encoder's own search for table, scale and codes of each group and
 * (b) least-squares entries for them, rounded to int8. Then the levels, from the scales of the last assignment.
 * Everything is in f64 and in the order of the sample: same sample, same codebook.
 */
import type { Codebook, CodebookFormat, Effort } from "../../codecs/codec.ts";
import { groupSearch } from "../../codecs/codebook-encode.ts";
import { prepareCodebook, REACH } from "../../codecs/codebook-prepare.ts";
import { fitLevels } from "./fit-levels.ts";
import { TableStatistics } from "./table-statistics.ts";

export interface FitOptions {
  /** Tables wanted, 1 to 256; fewer come back when the sample has too few groups to tell them apart. */
  readonly tables: number;
  readonly effort: Effort;
  /** Importance of each weight of the sample, same length, finite and not negative. */
  readonly importance?: Float32Array;
}

/** Groups a table should have at least. */
const GROUPS_PER_TABLE = 2;
/** Rounds after a split, and rounds with all tables. */
const ROUNDS: Record<Effort, { readonly split: number; readonly last: number }> = {
  fast: { split: 1, last: 3 },
  normal: { split: 2, last: 4 },
  best: { split: 3, last: 10 },
};

/**
 * @param sample whole groups, one after the other; finite
 * @throws RangeError when the sample or its importance has the wrong length, or the table count is out of range
 */
export function fitCodebook(format: CodebookFormat, sample: Float32Array, options: FitOptions): Codebook {
  const { tables: wanted, effort, importance } = options;
  const groups = sample.length / format.blockSize;
  if (!Number.isInteger(groups)) throw new RangeError(`${format.name}: ${sample.length} weights are not whole groups`);
  if (importance !== undefined && importance.length !== sample.length) {
    throw new RangeError(`${format.name}: ${sample.length} importance values expected, found ${importance.length}`);
  }
  if (!Number.isInteger(wanted) || wanted < 1 || wanted > 256) {
    throw new RangeError(`${format.name}: 1 to 256 tables expected, found ${wanted}`);
  }
  const count = Math.max(1, Math.min(wanted, Math.floor(groups / GROUPS_PER_TABLE)));
  let tables = startTable(format);
  const statistics = new TableStatistics(format, sample, importance);
  const tableCount = (): number => tables.length / format.tableLength;
  for (;;) {
    const isLast = tableCount() === count;
    const rounds = isLast ? ROUNDS[effort].last : ROUNDS[effort].split;
    for (let round = 0; round < rounds; round++) {
      statistics.gather(groupSearch(prepareCodebook(format, { tables, levels: NO_LEVELS }, "fast")), tables);
      tables = statistics.update(tables);
    }
    if (isLast) break;
    tables = statistics.split(tables, Math.min(count, tableCount() * 2));
  }
  statistics.gather(groupSearch(prepareCodebook(format, { tables, levels: NO_LEVELS }, effort)), tables);
  return { tables, levels: fitLevels(statistics.scales, statistics.energies, 256) };
}

const NO_LEVELS = new Float32Array(0);

/** Evenly spaced entries; for pairs, points of a sunflower (evenly spread over the disc). */
function startTable(format: CodebookFormat): Int8Array {
  const points = 1 << format.codeBits;
  if (format.dimension === 1) {
    return Int8Array.from({ length: points }, (_, q) => Math.round(REACH * ((2 * q) / (points - 1) - 1)));
  }
  const table = new Int8Array(2 * points);
  for (let q = 0; q < points; q++) {
    const radius = REACH * Math.sqrt((q + 0.5) / points);
    const angle = q * 2.399963229728653;
    table[q] = Math.round(radius * Math.cos(angle));
    table[points + q] = Math.round(radius * Math.sin(angle));
  }
  return table;
}
