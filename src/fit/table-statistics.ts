/**
 * What a round of fitting learns from the choices of the groups: better entries for each table, each table's error, and
 * the direction in which the groups of one table disagree.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { REACH } from "../../codecs/codebook-prepare.ts";
import { BINS_PER_UNIT, type GroupChoices, type TableSums } from "./assign-groups.ts";
import { improveEntries } from "./improve-entries.ts";

/** Rounds of power iteration for the direction of a split. */
const POWER_ROUNDS = 4;

/**
 * Better entries for the gathered sums.
 * @param entries the present ones, not rounded, table after table
 */
export function improveTables(
  format: CodebookFormat,
  { weights, moments, reaches }: TableSums,
  entries: Float64Array,
): Float64Array {
  const { dimension, tableLength } = format;
  const tableCount = entries.length / tableLength;
  const length = weights.length / tableCount;
  const next = Float64Array.from(entries);
  for (let table = 0; table < tableCount; table++) {
    if (!(reaches[2 * table]! > 0)) continue;
    const own = next.subarray(table * tableLength, (table + 1) * tableLength);
    const from = table * length;
    if (dimension === 1) {
      improveEntries(own, weights.subarray(from, from + length), moments.subarray(from, from + length), BINS_PER_UNIT);
    } else {
      for (let i = 0; i < tableLength; i++)
        if (weights[from + i]! > 0) own[i] = moments[from + i]! / weights[from + i]!;
    }
    // The search looks for a group's largest weight near entry REACH: a table's scale is kept so on average.
    const gauge = (REACH * reaches[2 * table]!) / reaches[2 * table + 1]!;
    for (let i = 0; i < tableLength; i++) own[i]! *= gauge;
  }
  return next;
}

/** Squared error per table, of the first `count` groups. */
export function tableErrors({ errors, tables }: GroupChoices, count: number, tableCount: number): Float64Array {
  const sums = new Float64Array(tableCount);
  for (let g = 0; g < count; g++) sums[tables[g]!]! += errors[g]!;
  return sums;
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
  entries: Float64Array,
  wanted: number,
): Float64Array {
  const { tableLength } = format;
  const present = tables.length / tableLength;
  const errors = tableErrors(choices, count, present);
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

/** The first groups of each table, up to `MOST_MEMBERS`. */
function groupsByTable(choices: GroupChoices, count: number, tables: number): Int32Array[] {
  const members = new Int32Array(tables * MOST_MEMBERS);
  const found = new Int32Array(tables);
  for (let g = 0; g < count; g++) {
    const table = choices.tables[g]!;
    if (choices.scales[g] === 0 || found[table] === MOST_MEMBERS) continue;
    members[table * MOST_MEMBERS + found[table]!++] = g;
  }
  return Array.from(found, (n, table) => members.subarray(table * MOST_MEMBERS, table * MOST_MEMBERS + n));
}

/** Groups that are looked at for one table's split. */
const MOST_MEMBERS = 48;
/** A table is moved by this part of the spread of its groups' wishes. */
const SPLIT_SHARE = 0.5;

function spreadOf(
  format: CodebookFormat,
  sample: Float32Array,
  members: Int32Array,
  choices: GroupChoices,
  tables: Int8Array,
  table: number,
): Float64Array {
  const { blockSize, dimension, tableLength } = format;
  const points = 1 << format.codeBits;
  const used = members.length;
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
