/**
 * What a round of fitting learns from the choices of the groups: better entries for each table, each table's error, and
 * the direction in which the groups of one table disagree.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import { PEAK_ENTRY } from "../../codecs/codebooks/error-rows.ts";
import { nearestInteger } from "../../codecs/codebooks/nearest-integer.ts";
import type { GroupChoices, Sample } from "./group-choices.ts";
import { HISTOGRAM_BINS, HISTOGRAM_LIMIT, improveEntries } from "./improve-entries.ts";

const { fround } = Math;

/** Rounds of power iteration for the direction of a split. */
const POWER_ROUNDS = 4;

/**
 * Better entries for the choices of the first `count` groups.
 * @param entries the present ones, not rounded, table after table
 */
export function improveTables(
  format: CodebookFormat,
  { weights, importance }: Sample,
  choices: GroupChoices,
  count: number,
  entries: Float64Array,
): Float64Array {
  const { blockSize, dimension, tableLength } = format;
  const points = 1 << format.codeBits;
  const next = Float64Array.from(entries);
  const sums = new Float64Array(2 * (dimension === 1 ? HISTOGRAM_BINS : tableLength));
  for (const [table, members] of groupsByTable(choices, count, entries.length / tableLength).entries()) {
    if (members.length === 0) continue;
    // Weight of squared error and the same times u = weight / scale: per bin of u, or per coordinate of a point.
    sums.fill(0);
    let energy = 0;
    let peak = 0;
    for (const g of members) {
      const scale = choices.scales[g]!;
      const square = scale * scale;
      const inverse = fround(1 / scale);
      let largest = 0;
      for (let j = 0; j < blockSize; j++) {
        const at = g * blockSize + j;
        const u = fround(weights[at]! * inverse);
        const v = importance === undefined ? square : importance[at]! * square;
        largest = Math.max(largest, Math.abs(u));
        const slot = dimension === 1 ? histogramBin(u) : (j & 1) * points + choices.codes[at >> 1]!;
        sums[2 * slot]! += v;
        sums[2 * slot + 1]! += v * u;
      }
      energy += square;
      peak += square * largest;
    }
    if (!(energy > 0)) continue;
    const own = next.subarray(table * tableLength, (table + 1) * tableLength);
    if (dimension === 1) improveEntries(own, sums);
    else for (let i = 0; i < tableLength; i++) if (sums[2 * i]! > 0) own[i] = sums[2 * i + 1]! / sums[2 * i]!;
    // The search looks for a group's largest weight near entry PEAK_ENTRY: a table's scale is kept so on average.
    const correction = (PEAK_ENTRY * energy) / peak;
    for (let i = 0; i < tableLength; i++) own[i]! *= correction;
  }
  return next;
}

/** The bin of the nearest integer, ties to even. */
function histogramBin(u: number): number {
  const limited = Math.max(-HISTOGRAM_LIMIT, Math.min(HISTOGRAM_LIMIT, u));
  return nearestInteger(limited) + HISTOGRAM_LIMIT;
}

/** Squared error per table, of the first `count` groups. */
function tableErrors({ errors, tables }: GroupChoices, count: number, tableCount: number): Float64Array {
  const sums = new Float64Array(tableCount);
  for (let g = 0; g < count; g++) sums[tables[g]!]! += errors[g]!;
  return sums;
}

/** Entries as they are stored; those of single weights ascend. */
export function roundTables({ dimension, tableLength }: CodebookFormat, entries: Float64Array): Int8Array {
  const tables = new Int8Array(entries.length);
  for (let i = 0; i < entries.length; i++) tables[i] = Math.max(-127, Math.min(127, Math.round(entries[i]!)));
  if (dimension === 2) return tables;
  for (let i = 1; i < tables.length; i++) {
    if (i % tableLength === 0 || tables[i]! >= tables[i - 1]!) continue;
    const start = i - (i % tableLength);
    tables.subarray(start, start + tableLength).sort();
  }
  return tables;
}

/**
 * Splits tables until there are `wanted`: each time the one whose parts have the largest error each, into one part
 * more. The parts lie along the principal direction of the residuals of the table's groups.
 */
export function splitTables(
  format: CodebookFormat,
  { weights }: Sample,
  count: number,
  choices: GroupChoices,
  tables: Int8Array,
  entries: Float64Array,
  wanted: number,
): Float64Array {
  const { tableLength } = format;
  const present = tables.length / tableLength;
  const parts = partCounts(tableErrors(choices, count, present), wanted);
  const next = new Float64Array(wanted * tableLength);
  const members = groupsByTable(choices, count, present);
  let at = 0;
  for (let table = 0; table < present; table++) {
    const own = entries.subarray(table * tableLength, (table + 1) * tableLength);
    if (parts[table] === 1) {
      next.set(own, at);
      at += tableLength;
      continue;
    }
    const shift = splitShift(format, weights, members[table]!.subarray(0, MAX_SPLIT_GROUPS), choices, tables, table);
    for (let part = 0; part < parts[table]!; part++, at += tableLength) {
      // Two parts at -1 and 1, three at -1.5, 0 and 1.5, and so on.
      const place = (part - (parts[table]! - 1) / 2) * (parts[table] === 2 ? 2 : 1.5);
      for (let q = 0; q < tableLength; q++) next[at + q] = own[q]! + place * shift[q]!;
    }
  }
  return next;
}

/** Into how many parts each table is split. */
function partCounts(errors: Float64Array, wanted: number): Uint16Array {
  const parts = new Uint16Array(errors.length).fill(1);
  for (let sum = errors.length; sum < wanted; sum++) {
    let largest = 0;
    for (let t = 1; t < errors.length; t++) {
      if (errors[t]! * parts[largest]! > errors[largest]! * parts[t]!) largest = t;
    }
    parts[largest]!++;
  }
  return parts;
}

/** The groups of each table that are not zeros, in ascending order. */
function groupsByTable({ tables, scales }: GroupChoices, count: number, tableCount: number): Uint32Array[] {
  const ends = new Uint32Array(tableCount);
  for (let g = 0; g < count; g++) if (scales[g] !== 0) ends[tables[g]!]!++;
  for (let table = 1; table < tableCount; table++) ends[table]! += ends[table - 1]!;
  const order = new Uint32Array(tableCount === 0 ? 0 : ends[tableCount - 1]!);
  const starts = ends.slice();
  for (let g = count - 1; g >= 0; g--) if (scales[g] !== 0) order[--starts[tables[g]!]!] = g;
  return Array.from(ends, (end, table) => order.subarray(starts[table], end));
}

/** Groups that are looked at for one table's split. */
const MAX_SPLIT_GROUPS = 48;
/** The parts of a table move apart by this part of the spread of its groups' residuals. */
const SPLIT_SHARE = 0.5;

/**
 * How far the parts of a table move apart, per entry: along the principal direction of its groups' residuals. A
 * residual is, entry by entry, the sum of what a group's scaled weights have more than the entry that codes them; the
 * direction is found by power iteration.
 */
function splitShift(
  format: CodebookFormat,
  sample: Float32Array,
  members: Uint32Array,
  choices: GroupChoices,
  tables: Int8Array,
  table: number,
): Float64Array {
  const { blockSize, dimension, tableLength } = format;
  const points = 1 << format.codeBits;
  const used = members.length;
  const residuals = new Float64Array(used * tableLength);
  for (let i = 0; i < used; i++) {
    const g = members[i]!;
    const scale = choices.scales[g]!;
    for (let j = 0; j < blockSize; j++) {
      const at = g * blockSize + j;
      const code = choices.codes[dimension === 1 ? at : at >> 1]!;
      const index = dimension === 1 ? code : (j & 1) * points + code;
      residuals[i * tableLength + index]! += sample[at]! / scale - tables[table * tableLength + index]!;
    }
  }
  let direction = new Float64Array(tableLength).map((_, q) => 1 + (q % 3));
  let spread = 0;
  for (let round = 0; round < POWER_ROUNDS; round++) {
    const product = new Float64Array(tableLength);
    for (let i = 0; i < used; i++) {
      const residual = residuals.subarray(i * tableLength, (i + 1) * tableLength);
      let along = 0;
      for (let q = 0; q < tableLength; q++) along += residual[q]! * direction[q]!;
      for (let q = 0; q < tableLength; q++) product[q]! += along * residual[q]!;
    }
    const norm = Math.sqrt(product.reduce((sum, value) => sum + value * value, 0));
    if (!(norm > 0)) return direction;
    direction = product.map((value) => value / norm);
    spread = Math.sqrt(norm / used);
  }
  // A residual is the sum over the weights of an entry, about blockSize / points of them.
  const share = (SPLIT_SHARE * spread * points * dimension) / blockSize;
  return direction.map((value) => value * share);
}
