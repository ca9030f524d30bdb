/**
 * Fits a codebook to a sample of a tensor: tables, then scale levels, of least (importance-weighted) squared error.
 *
 * Alternating minimisation, grown by splitting: one table, fitted to all groups; then the tables with the largest
 * error are split in two, along the direction in which their groups disagree with them most, until there are enough;
 * after every split a few rounds of (a) the encoder's own search for table, scale and codes of each group and
 * (b) better entries for them, rounded to int8 before the next search. Rounds with few tables look at few groups.
 * Then the levels, from the scales of the last assignment.
 *
 * Everything but the search is in f64 and in a fixed order: same sample, same codebook.
 */
import type { Codebook, CodebookFormat, Effort } from "../../codecs/codec.ts";
import { PEAK_ENTRY } from "../../codecs/codebooks/error-rows.ts";
import { fitSteps, type MakeFitSteps } from "./assign-groups.ts";
import { type GroupChoices, type Sample } from "./group-choices.ts";
import { chooseGroups } from "./choose-groups.ts";
import { compandedPoints } from "./companding.ts";
import { fitLevels } from "./fit-levels.ts";
import { fittedGroups } from "./sample.ts";
import { roundTables, splitTables } from "./table-statistics.ts";

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
  /** The steps of a round; plain TypeScript when absent. Both kinds give the same codebook. */
  readonly steps?: MakeFitSteps;
}

/** Groups a table should have at least. */
const GROUPS_PER_TABLE = 2;
/**
 * The rounds after a split and the rounds with all tables: for each, the groups per table that it looks at. After a
 * split it looks at `start` at least.
 */
const ROUNDS: Record<
  Effort,
  { readonly start: number; readonly split: readonly number[]; readonly last: readonly number[] }
> = {
  fast: { start: 1024, split: Array(6).fill(8), last: [16, 16, 32, 32, 64, 64] },
  normal: { start: 1024, split: Array(8).fill(16), last: [32, 32, 64, 64, 64, 128, 128] },
  best: { start: 2048, split: Array(8).fill(64), last: [128, 128, 128, 128, 256, 256, 256, 256, 256, 256, 256, 256] },
};

/** Groups that the first table starts from. */
const START_GROUPS = 1024;
/** Groups that rounds with all tables look at, at least: the levels need many even when there are few tables. */
const LAST_GROUPS = 4096;

/**
 * Over-relaxation: entries move this many times as far as a round asks for. Momentum: and on by this part of their last
 * move. Without them convergence is slow, and rounding would stall it.
 */
const OVER_RELAXATION = 2;
const MOMENTUM = 0.6;

/**
 * @param sample whole groups, one after the other; finite
 * @throws RangeError when the sample or its importance has the wrong length, or the table count is out of range
 */
export function fitCodebook(format: CodebookFormat, sample: Float32Array, options: FitOptions): Codebook {
  checkOptions(format, sample, options);
  const { effort } = options;
  const { start, split, last } = ROUNDS[effort];
  // Importance of nothing but zeros (an expert that was never asked) says nothing.
  const importance = options.importance?.some((v) => v > 0) ? options.importance : undefined;
  const wanted = options.fixedTables === undefined ? options.tables : options.fixedTables.length / format.tableLength;
  const chosen = chooseGroups(format, { weights: sample, importance }, fittedGroups(wanted, effort));
  const groups = chosen.factors.length;
  const steps = (options.steps ?? fitSteps)(format, chosen.sample);
  const levelsFor = (tables: Int8Array, choices: GroupChoices, count: number): Float32Array => {
    const { scales, energies } = leastSquaresScales(format, tables, choices, count, chosen.sample);
    for (let g = 0; g < count; g++) {
      const factor = chosen.factors[g]!;
      scales[g]! /= factor;
      energies[g]! *= factor * factor;
    }
    return fitLevels(scales, energies, options.levels ?? 256);
  };
  if (options.fixedTables !== undefined) {
    const tables = options.fixedTables;
    return { tables, levels: levelsFor(tables, steps.assign(tables, groups, "best"), groups) };
  }

  const count = Math.max(1, Math.min(wanted, Math.floor(groups / GROUPS_PER_TABLE)));
  let entries = startTable(format, chosen.sample);
  for (;;) {
    const present = entries.length / format.tableLength;
    const isLast = present === count;
    const schedule = isLast ? last : split;
    let before = entries;
    for (const [round, groupsPerTable] of schedule.entries()) {
      const used = Math.min(groups, Math.max(isLast ? LAST_GROUPS : start, present * groupsPerTable));
      const tables = roundTables(format, entries);
      const choices = steps.assign(tables, used, "fast");
      const improved = steps.improve(entries, used);
      if (round + 1 < schedule.length) {
        const moved = improved.map((entry, k) => {
          const now = entries[k]!;
          return now + OVER_RELAXATION * (entry - now) + MOMENTUM * (now - before[k]!);
        });
        before = entries;
        entries = moved;
      } else if (isLast) {
        const final = roundTables(format, improved);
        return { tables: final, levels: levelsFor(final, choices, used) };
      } else {
        const next = Math.min(count, present * 2);
        entries = splitTables(format, chosen.sample, used, choices, tables, improved, next);
      }
    }
  }
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

/**
 * The first table: companded entries for the groups over their largest weights; for pairs, points spread over the disc
 * like the seeds of a sunflower.
 */
function startTable(format: CodebookFormat, { weights: sample, importance }: Sample): Float64Array {
  const { blockSize, codeBits, dimension } = format;
  const points = 1 << codeBits;
  if (dimension === 1) {
    const bins = 2 * PEAK_ENTRY + 1;
    const mass = new Float64Array(bins);
    const weights = Math.min(sample.length, START_GROUPS * blockSize);
    for (let at = 0; at < weights; at += blockSize) {
      let largest = 0;
      for (let j = at; j < at + blockSize; j++) if (Math.abs(sample[j]!) > Math.abs(largest)) largest = sample[j]!;
      if (largest === 0) continue;
      for (let j = at; j < at + blockSize; j++) {
        const v = (importance === undefined ? 1 : importance[j]!) * largest * largest;
        mass[Math.round((sample[j]! / largest) * PEAK_ENTRY) + PEAK_ENTRY]! += v;
      }
    }
    const entries = compandedPoints(mass, -PEAK_ENTRY - 0.5, 1, points);
    if (entries.length === points) return Float64Array.from(entries);
    return Float64Array.from({ length: points }, (_, q) => PEAK_ENTRY * ((2 * q) / (points - 1) - 1));
  }
  const table = new Float64Array(2 * points);
  for (let q = 0; q < points; q++) {
    const radius = PEAK_ENTRY * Math.sqrt((q + 0.5) / points);
    const angle = q * 2.399963229728653;
    table[q] = radius * Math.cos(angle);
    table[points + q] = radius * Math.sin(angle);
  }
  return table;
}

/**
 * The least-squares scale of each group for its table and codes, 0 where there is none, and what a unit of squared
 * error of that scale costs: the energy of the group's entries.
 */
function leastSquaresScales(
  { blockSize, dimension, tableLength, codeBits }: CodebookFormat,
  tables: Int8Array,
  choices: GroupChoices,
  groups: number,
  { weights, importance }: Sample,
): { readonly scales: Float32Array; readonly energies: Float64Array } {
  const scales = new Float32Array(groups);
  const energies = new Float64Array(groups);
  for (let group = 0; group < groups; group++) {
    if (choices.scales[group] === 0) continue;
    const table = choices.tables[group]! * tableLength;
    let energy = 0;
    let along = 0;
    for (let at = group * blockSize; at < (group + 1) * blockSize; at++) {
      const code = choices.codes[dimension === 1 ? at : at >> 1]!;
      const entry = tables[table + (dimension === 1 ? code : ((at & 1) << codeBits) + code)]!;
      const product = (importance === undefined ? 1 : importance[at]!) * entry;
      energy += product * entry;
      along += product * weights[at]!;
    }
    if (!(energy > 0)) continue;
    scales[group] = along / energy;
    energies[group] = energy;
  }
  return { scales, energies };
}
