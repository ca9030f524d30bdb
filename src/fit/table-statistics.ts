/**
 * What a round of fitting learns from the groups: the least-squares entries of each table for the codes and scales its
 * groups chose, their error, and the direction in which the groups of one table disagree.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import type { groupSearch } from "../../codecs/codebook-encode.ts";
import { REACH } from "../../codecs/codebook-prepare.ts";

type GroupSearch = ReturnType<typeof groupSearch>;

/** Rounds of power iteration for the direction of a split. */
const POWER_ROUNDS = 6;

export class TableStatistics {
  /** Per group of the sample, from the last `gather`. */
  readonly scales: Float64Array;
  readonly energies: Float64Array;
  private readonly groupTable: Uint8Array;
  private readonly groupCodes: Uint8Array;
  private readonly largest: Float64Array;
  private readonly groups: number;
  private readonly format: CodebookFormat;
  private readonly sample: Float32Array;
  private readonly importance: Float32Array | undefined;
  private readonly errors = new Float64Array(256);

  constructor(format: CodebookFormat, sample: Float32Array, importance?: Float32Array) {
    this.format = format;
    this.sample = sample;
    this.importance = importance;
    this.groups = sample.length / format.blockSize;
    this.scales = new Float64Array(this.groups);
    this.energies = new Float64Array(this.groups);
    this.largest = new Float64Array(this.groups);
    this.groupTable = new Uint8Array(this.groups);
    this.groupCodes = new Uint8Array(sample.length / format.dimension);
    for (let g = 0; g < this.groups; g++) {
      for (let j = g * format.blockSize; j < (g + 1) * format.blockSize; j++) {
        this.largest[g] = Math.max(this.largest[g]!, Math.abs(sample[j]!));
      }
    }
  }

  /** Lets every group choose its table, scale and codes. */
  gather({ search, result }: GroupSearch, tables: Int8Array): void {
    const { blockSize, dimension } = this.format;
    this.errors.fill(0);
    for (let g = 0; g < this.groups; g++) {
      const at = g * blockSize;
      search(this.sample, at, this.importance, at);
      this.scales[g] = result.scale;
      this.groupTable[g] = result.table;
      this.groupCodes.set(result.codes, at / dimension);
      let energy = 0;
      let error = 0;
      for (let j = 0; j < blockSize; j++) {
        const entry = tables[this.entryIndex(result.table, result.codes[Math.floor(j / dimension)]!, j)]!;
        const v = this.importance === undefined ? 1 : this.importance[at + j]!;
        energy += v * entry * entry;
        error += v * (this.sample[at + j]! - result.scale * entry) ** 2;
      }
      this.energies[g] = energy;
      this.errors[result.table]! += error;
    }
  }

  private entryIndex(table: number, code: number, j: number): number {
    const points = 1 << this.format.codeBits;
    return this.format.dimension === 1 ? table * points + code : (table * 2 + (j & 1)) * points + code;
  }

  /** Least-squares entries for the gathered choices; entries that nobody chose stay. */
  update(tables: Int8Array): Int8Array {
    const { blockSize, dimension, tableLength } = this.format;
    const above = new Float64Array(tables.length);
    const below = new Float64Array(tables.length);
    const reach = new Float64Array(tables.length / tableLength);
    const weight = new Float64Array(tables.length / tableLength);
    for (let g = 0; g < this.groups; g++) {
      const scale = this.scales[g]!;
      if (scale === 0) continue;
      const table = this.groupTable[g]!;
      const magnitude = this.largest[g]!;
      reach[table]! += Math.abs(scale) * magnitude * this.energies[g]!;
      weight[table]! += magnitude * magnitude * this.energies[g]!;
      for (let j = 0; j < blockSize; j++) {
        const at = g * blockSize + j;
        const v = this.importance === undefined ? 1 : this.importance[at]!;
        const index = this.entryIndex(table, this.groupCodes[Math.floor(at / dimension)]!, j);
        above[index]! += v * scale * this.sample[at]!;
        below[index]! += v * scale * scale;
      }
    }
    const next = new Int8Array(tables.length);
    for (let table = 0; table < reach.length; table++) {
      // Keeps the scale of a table's groups at (largest weight) / REACH on average, where the search looks for it.
      const gauge = weight[table]! > 0 ? (reach[table]! / weight[table]!) * REACH : 1;
      for (let i = table * tableLength; i < (table + 1) * tableLength; i++) {
        const entry = below[i]! > 0 ? (above[i]! / below[i]!) * gauge : tables[i]!;
        next[i] = Math.max(-127, Math.min(127, Math.round(entry)));
      }
      if (dimension === 1) next.subarray(table * tableLength, (table + 1) * tableLength).sort();
    }
    return next;
  }

  /** Splits the tables of largest error, each in two, until there are `count`. Tables without groups are replaced. */
  split(tables: Int8Array, count: number): Int8Array {
    const { tableLength } = this.format;
    const present = tables.length / tableLength;
    const byError = Array.from({ length: present }, (_, t) => t).sort(
      (a, b) => this.errors[b]! - this.errors[a]! || a - b,
    );
    const next = new Int8Array(count * tableLength);
    next.set(tables);
    for (let i = 0; i < count - present; i++) {
      const table = byError[i]!;
      const shift = this.spreadOf(table, tables);
      for (let q = 0; q < tableLength; q++) {
        const entry = tables[table * tableLength + q]!;
        next[table * tableLength + q] = limit(entry + shift[q]!);
        next[(present + i) * tableLength + q] = limit(entry - shift[q]!);
      }
      if (this.format.dimension === 1) {
        next.subarray(table * tableLength, (table + 1) * tableLength).sort();
        next.subarray((present + i) * tableLength, (present + i + 1) * tableLength).sort();
      }
    }
    return next;
  }

  /** The principal direction of the groups' wishes (entry by entry residuals), as long as their spread along it. */
  private spreadOf(table: number, tables: Int8Array): Float64Array {
    const { blockSize, dimension, tableLength } = this.format;
    const covariance = new Float64Array(tableLength * tableLength);
    const wish = new Float64Array(tableLength);
    let members = 0;
    for (let g = 0; g < this.groups; g++) {
      const scale = this.scales[g]!;
      if (this.groupTable[g] !== table || scale === 0) continue;
      members++;
      wish.fill(0);
      for (let j = 0; j < blockSize; j++) {
        const at = g * blockSize + j;
        const index = this.entryIndex(0, this.groupCodes[Math.floor(at / dimension)]!, j);
        wish[index]! += this.sample[at]! / scale - tables[table * tableLength + index]!;
      }
      for (let a = 0; a < tableLength; a++) {
        if (wish[a] === 0) continue;
        for (let b = 0; b < tableLength; b++) covariance[a * tableLength + b]! += wish[a]! * wish[b]!;
      }
    }
    let direction = new Float64Array(tableLength).map((_, q) => 1 + (q % 3));
    for (let round = 0; round < POWER_ROUNDS; round++) {
      const image = new Float64Array(tableLength);
      for (let a = 0; a < tableLength; a++) {
        for (let b = 0; b < tableLength; b++) image[a]! += covariance[a * tableLength + b]! * direction[b]!;
      }
      const norm = Math.sqrt(image.reduce((sum, value) => sum + value * value, 0));
      if (!(norm > 0)) return new Float64Array(tableLength).fill(1);
      direction = image.map((value) => value / norm);
      if (round === POWER_ROUNDS - 1) {
        const spread = Math.sqrt(norm / Math.max(1, members)) * SPLIT_SHARE;
        return direction.map((value) => value * spread);
      }
    }
    return direction;
  }
}

/** Wishes are sums over the weights of an entry: a table moves by part of their spread. */
const SPLIT_SHARE = 0.5;

function limit(entry: number): number {
  return Math.max(-127, Math.min(127, Math.round(entry)));
}
