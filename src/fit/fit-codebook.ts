/**
 * Fits a codebook to a sample of a tensor: tables, then scale levels, of least (importance-weighted) squared error.
 *
 * Alternating minimisation, grown by splitting: one table, fitted to all groups; then the tables with the largest
 * error are split in two, along the direction in which their groups' own optima differ most, until there are enough;
 * after every split a few rounds of (a) the encoder's own search for table, scale and codes of each group and
 * (b) better entries for them, rounded to int8 before the next search. Rounds with few tables look at few groups.
 * Then the levels, from the scales of the last assignment.
 *
 * Everything but the search is in f64 and in a fixed order: same sample, same codebook.
 */
import type { Codebook, CodebookFormat, Effort } from "../../codecs/codec.ts";
import { prepareCodebook, REACH } from "../../codecs/codebook-prepare.ts";
import { assignGroups, type GroupChoices, type MakeAssignGroups } from "./assign-groups.ts";
import { compandedPoints } from "./companding.ts";
import { fitLevels } from "./fit-levels.ts";
import { improveTables, roundTables, splitTables } from "./table-statistics.ts";

export interface FitOptions {
  /** Tables wanted, 1 to 256; fewer come back when the sample has too few groups to tell them apart. */
  readonly tables: number;
  readonly effort: Effort;
  /** Scale levels at most, 1 to 256; default 256. */
  readonly levels?: number;
  /** Importance of each weight of the sample, same length, finite and not negative. */
  readonly importance?: Float32Array;
  /** Tables to keep as they are (see fixed-tables.ts): only the levels are fitted, `tables` is ignored. */
  readonly fixedTables?: Int8Array;
  /** The assignment step; plain TypeScript when absent. Both kinds give the same codebook. */
  readonly assign?: MakeAssignGroups;
}

/** Groups a table should have at least. */
const GROUPS_PER_TABLE = 2;
/** The rounds after a split and the rounds with all tables: for each, the groups per table that it looks at. */
const ROUNDS: Record<Effort, { readonly split: readonly number[]; readonly last: readonly number[] }> = {
  fast: { split: [8, 8, 16], last: [16, 32] },
  normal: { split: [16, 16, 16, 16], last: [16, 16, 32, 64] },
  best: { split: Array(8).fill(256), last: Array(12).fill(256) },
};

/** Groups that the start and the first rounds look at. */
const START_GROUPS = 1024;
/** Groups that rounds with all tables look at, at least: the levels need many even when there are few tables. */
const LAST_GROUPS = 4096;

/** Tables are moved this many times as far as one round asks for: convergence is slow, and rounding would stall it. */
const STRIDE = 2;

const NO_LEVELS = new Float32Array(0);

/**
 * @param sample whole groups, one after the other; finite
 * @throws RangeError when the sample or its importance has the wrong length, or the table count is out of range
 */
export function fitCodebook(format: CodebookFormat, sample: Float32Array, options: FitOptions): Codebook {
  const { tables: wanted, effort } = options;
  checkOptions(format, sample, options);
  // Importance of nothing but zeros (an expert that was never asked) says nothing.
  const importance = options.importance?.some((v) => v > 0) ? options.importance : undefined;
  const groups = sample.length / format.blockSize;
  const count = Math.max(1, Math.min(wanted, Math.floor(groups / GROUPS_PER_TABLE)));
  const [spreadSample, spreadImportance] = spreadGroups(format, sample, importance);
  const { assign, gather } = (options.assign ?? assignGroups)(format, spreadSample, spreadImportance);
  const levelsFor = (tables: Int8Array, choices: GroupChoices, used: number): Float32Array => {
    const energies = entryEnergies(format, tables, choices, used, spreadImportance);
    return fitLevels(Float64Array.from(choices.scales.subarray(0, used)), energies, options.levels ?? 256);
  };
  if (options.fixedTables !== undefined) {
    const tables = options.fixedTables;
    const choices = assign(prepareCodebook(format, { tables, levels: NO_LEVELS }, "normal"), groups);
    return { tables, levels: levelsFor(tables, choices, groups) };
  }
  const { split, last } = ROUNDS[effort];

  let entries = startTable(format, spreadSample, spreadImportance);
  let tables = roundTables(format, entries);
  let choices: GroupChoices;
  let used = 0;
  for (;;) {
    const present = entries.length / format.tableLength;
    const isLast = present === count;
    const schedule = isLast ? last : split;
    for (const [round, groupsPerTable] of schedule.entries()) {
      used = Math.min(groups, Math.max(isLast ? LAST_GROUPS : START_GROUPS, present * groupsPerTable));
      choices = assign(prepareCodebook(format, { tables, levels: NO_LEVELS }, "fast"), used);
      const improved = improveTables(format, gather(present, used), entries);
      const isSettling = round + 1 === schedule.length;
      entries = improved.map((entry, k) => entries[k]! + (isSettling ? 1 : STRIDE) * (entry - entries[k]!));
      if (isSettling && !isLast) {
        entries = splitTables(format, spreadSample, used, choices, tables, entries, Math.min(count, present * 2));
      }
      tables = roundTables(format, entries);
    }
    if (isLast) break;
  }
  return { tables, levels: levelsFor(tables, choices!, used) };
}

function checkOptions(format: CodebookFormat, sample: Float32Array, { tables, importance }: FitOptions): void {
  if (sample.length % format.blockSize !== 0) {
    throw new RangeError(`${format.name}: ${sample.length} weights are not whole groups of ${format.blockSize}`);
  }
  if (importance !== undefined && importance.length !== sample.length) {
    throw new RangeError(`${format.name}: ${sample.length} importance values expected, found ${importance.length}`);
  }
  if (!Number.isInteger(tables) || tables < 1 || tables > 256) {
    throw new RangeError(`${format.name}: 1 to 256 tables expected, found ${tables}`);
  }
}

/** The groups in an order whose every beginning is spread evenly over the sample: steps of the golden ratio. */
function spreadGroups(
  { blockSize }: CodebookFormat,
  sample: Float32Array,
  importance: Float32Array | undefined,
): [Float32Array, Float32Array | undefined] {
  const groups = sample.length / blockSize;
  let step = Math.max(1, Math.round(groups * 0.6180339887498949));
  while (greatestCommonDivisor(step, groups) !== 1) step++;
  const reorder = (values: Float32Array): Float32Array => {
    const out = new Float32Array(values.length);
    for (let g = 0, from = 0; g < groups; g++, from = (from + step) % groups) {
      for (let j = 0; j < blockSize; j++) out[g * blockSize + j] = values[from * blockSize + j]!;
    }
    return out;
  };
  return [reorder(sample), importance === undefined ? undefined : reorder(importance)];
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * The first table: companded entries for the groups over their largest weights; for pairs, points spread over the disc
 * like the seeds of a sunflower.
 */
function startTable(format: CodebookFormat, sample: Float32Array, importance?: Float32Array): Float64Array {
  const { blockSize, codeBits, dimension } = format;
  const points = 1 << codeBits;
  if (dimension === 1) {
    const bins = 2 * REACH + 1;
    const mass = new Float64Array(bins);
    const weights = Math.min(sample.length, START_GROUPS * blockSize);
    for (let at = 0; at < weights; at += blockSize) {
      let largest = 0;
      for (let j = at; j < at + blockSize; j++) if (Math.abs(sample[j]!) > Math.abs(largest)) largest = sample[j]!;
      if (largest === 0) continue;
      for (let j = at; j < at + blockSize; j++) {
        const v = (importance === undefined ? 1 : importance[j]!) * largest * largest;
        mass[Math.round((sample[j]! / largest) * REACH) + REACH]! += v;
      }
    }
    const entries = compandedPoints(mass, -REACH - 0.5, 1, points);
    if (entries.length === points) return Float64Array.from(entries);
    return Float64Array.from({ length: points }, (_, q) => REACH * ((2 * q) / (points - 1) - 1));
  }
  const table = new Float64Array(2 * points);
  for (let q = 0; q < points; q++) {
    const radius = REACH * Math.sqrt((q + 0.5) / points);
    const angle = q * 2.399963229728653;
    table[q] = radius * Math.cos(angle);
    table[points + q] = radius * Math.sin(angle);
  }
  return table;
}

/** What a unit of squared scale error costs each group: the (weighted) energy of its entries. */
function entryEnergies(
  format: CodebookFormat,
  tables: Int8Array,
  choices: { readonly tables: Uint8Array; readonly codes: Uint8Array },
  groups: number,
  importance: Float32Array | undefined,
): Float64Array {
  const { blockSize, dimension, tableLength } = format;
  const points = 1 << format.codeBits;
  return Float64Array.from({ length: groups }, (_, g) => {
    let energy = 0;
    for (let at = g * blockSize; at < (g + 1) * blockSize; at++) {
      const code = choices.codes[dimension === 1 ? at : at >> 1]!;
      const index = dimension === 1 ? code : (at & 1) * points + code;
      const entry = tables[choices.tables[g]! * tableLength + index]!;
      energy += (importance === undefined ? 1 : importance[at]!) * entry * entry;
    }
    return energy;
  });
}
