/**
 * What a round of fitting learns from the choices of the groups: better entries for each table, each table's error, and
 * the direction in which the groups of one table disagree.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { REACH } from "../../codecs/codebook-prepare.ts";
import type { GroupChoices } from "./assign-groups.ts";
import { improveEntries } from "./improve-entries.ts";

/** Bins of a table's histogram, over entries -144 to 144. */
export const HISTOGRAM_BINS = 576;
const BINS_PER_UNIT = 2;
/** Rounds of power iteration for the direction of a split. */
const POWER_ROUNDS = 6;

/** Tables in f64 while they are fitted; what the search sees is rounded to int8. */
export interface RoundStatistics {
  /** Improved entries, table after table, not rounded. */
  readonly entries: Float64Array;
  /** Squared error per table, with the entries the groups chose from. */
  readonly errors: Float64Array;
}

/** Gathers the choices of the first `count` groups and improves the tables. */
export function improveTables(
  format: CodebookFormat,
  sample: Float32Array,
  importance: Float32Array | undefined,
  count: number,
  choices: GroupChoices,
  tables: Int8Array,
  entries: Float64Array,
): RoundStatistics {
  const { blockSize, dimension, tableLength } = format;
  const points = 1 << format.codeBits;
  const tableCount = tables.length / tableLength;
  const errors = new Float64Array(tableCount);
  const reach = new Float64Array(tableCount);
  const energy = new Float64Array(tableCount);
  // Single weights: a histogram of u = weight / scale per table. Pairs: weight and sum of u per entry.
  const length = dimension === 1 ? HISTOGRAM_BINS : tableLength;
  const weight = new Float64Array(tableCount * length);
  const moment = new Float64Array(tableCount * length);
  for (let g = 0; g < count; g++) {
    const scale = choices.scales[g]!;
    if (scale === 0) continue;
    const table = choices.tables[g]!;
    const inverse = 1 / scale;
    const square = scale * scale;
    let largest = 0;
    let error = 0;
    let size = 0;
    for (let j = 0; j < blockSize; j++) {
      const at = g * blockSize + j;
      const u = sample[at]! * inverse;
      const v = importance === undefined ? square : importance[at]! * square;
      const code = choices.codes[dimension === 1 ? at : at >> 1]!;
      const index = dimension === 1 ? code : (j & 1) * points + code;
      const entry = tables[table * tableLength + index]!;
      error += v * (u - entry) * (u - entry);
      size += v * entry * entry;
      if (Math.abs(u) > largest) largest = Math.abs(u);
      const bin =
        dimension === 1
          ? Math.max(0, Math.min(HISTOGRAM_BINS - 1, Math.round(u * BINS_PER_UNIT) + HISTOGRAM_BINS / 2))
          : index;
      weight[table * length + bin]! += v;
      moment[table * length + bin]! += v * u;
    }
    errors[table]! += error;
    energy[table]! += size;
    reach[table]! += size * largest;
  }
  const next = Float64Array.from(entries);
  for (let table = 0; table < tableCount; table++) {
    if (!(energy[table]! > 0)) continue;
    const own = next.subarray(table * tableLength, (table + 1) * tableLength);
    const from = table * length;
    if (dimension === 1) {
      improveEntries(own, weight.subarray(from, from + length), moment.subarray(from, from + length), BINS_PER_UNIT);
    } else {
      for (let i = 0; i < tableLength; i++) if (weight[from + i]! > 0) own[i] = moment[from + i]! / weight[from + i]!;
    }
    // The search looks for a group's largest weight near entry REACH: a table's scale is kept so on average.
    const gauge = (REACH * energy[table]!) / reach[table]!;
    for (let i = 0; i < tableLength; i++) own[i]! *= gauge;
  }
  return { entries: next, errors };
}

/** Entries as they are stored. */
export function roundTables(format: CodebookFormat, entries: Float64Array): Int8Array {
  const tables = Int8Array.from(entries, (entry) => Math.max(-127, Math.min(127, Math.round(entry))));
  if (format.dimension === 1) {
    for (let at = 0; at < tables.length; at += format.tableLength) tables.subarray(at, at + format.tableLength).sort();
  }
  return tables;
}

/**
 * Splits the tables of largest error in two, until there are `count`; tables without groups are replaced as well.
 * A table is split along the principal direction of its groups' wishes, entry by entry.
 */
export function splitTables(
  format: CodebookFormat,
  sample: Float32Array,
  count: number,
  choices: GroupChoices,
  tables: Int8Array,
  { entries, errors }: RoundStatistics,
  wanted: number,
): Float64Array {
  const { tableLength } = format;
  const present = tables.length / tableLength;
  const byError = Array.from(errors, (_, t) => t).sort((a, b) => errors[b]! - errors[a]! || a - b);
  const next = new Float64Array(wanted * tableLength);
  next.set(entries);
  const members = groupsByTable(choices, count, present);
  for (let i = 0; i < wanted - present; i++) {
    const table = byError[i]!;
    const shift = spreadOf(format, sample, members[table]!, choices, tables, table);
    for (let q = 0; q < tableLength; q++) {
      const entry = entries[table * tableLength + q]!;
      next[table * tableLength + q] = entry + shift[q]!;
      next[(present + i) * tableLength + q] = entry - shift[q]!;
    }
  }
  return next;
}

function groupsByTable(choices: GroupChoices, count: number, tables: number): number[][] {
  const members: number[][] = Array.from({ length: tables }, () => []);
  for (let g = 0; g < count; g++) if (choices.scales[g] !== 0) members[choices.tables[g]!]!.push(g);
  return members;
}

/** Groups that are looked at for one table's split. */
const MOST_MEMBERS = 256;
/** A table is moved by this part of the spread of its groups' wishes. */
const SPLIT_SHARE = 0.5;

function spreadOf(
  format: CodebookFormat,
  sample: Float32Array,
  members: readonly number[],
  choices: GroupChoices,
  tables: Int8Array,
  table: number,
): Float64Array {
  const { blockSize, dimension, tableLength } = format;
  const points = 1 << format.codeBits;
  const used = Math.min(MOST_MEMBERS, members.length);
  const wishes = new Float64Array(used * tableLength);
  for (let i = 0; i < used; i++) {
    const g = members[i]!;
    const scale = choices.scales[g]!;
    for (let j = 0; j < blockSize; j++) {
      const at = g * blockSize + j;
      const code = choices.codes[dimension === 1 ? at : at >> 1]!;
      const index = dimension === 1 ? code : (j & 1) * points + code;
      wishes[i * tableLength + index]! += sample[at]! / scale - tables[table * tableLength + index]!;
    }
  }
  let direction = new Float64Array(tableLength).map((_, q) => 1 + (q % 3));
  let spread = 0;
  for (let round = 0; round < POWER_ROUNDS; round++) {
    const image = new Float64Array(tableLength);
    for (let i = 0; i < used; i++) {
      const wish = wishes.subarray(i * tableLength, (i + 1) * tableLength);
      let along = 0;
      for (let q = 0; q < tableLength; q++) along += wish[q]! * direction[q]!;
      for (let q = 0; q < tableLength; q++) image[q]! += along * wish[q]!;
    }
    const norm = Math.sqrt(image.reduce((sum, value) => sum + value * value, 0));
    if (!(norm > 0)) return direction;
    direction = image.map((value) => value / norm);
    spread = Math.sqrt(norm / used);
  }
  // A wish is the sum over the weights of an entry, about blockSize / points of them.
  const share = (SPLIT_SHARE * spread * points * dimension) / blockSize;
  return direction.map((value) => value * share);
}
