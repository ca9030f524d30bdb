// Twins of the steps of a round of fitting: the error rows of a prepared codebook (codecs/codebooks/error-rows.ts), the
// choices of the groups (assign-groups.ts) and better tables for them (table-statistics.ts, improve-entries.ts).
import {
  BEST_CODES, BINS, DIMENSION, ERROR, ERRORS, GROUP_SIZE, MAX_ERROR, nearestIntegers, PEAK_ENTRY, POINTS, ROW_BYTES, SCALE, SCRATCH, TABLE,
  TABLE_COUNT, TABLES, word,
} from "../../codecs/codebooks/simd/prepared-codebook";
import { searchGroup } from "../../codecs/codebooks/simd/group-search";

const HISTOGRAM_LIMIT: i32 = 144;
const HISTOGRAM_BINS: i32 = 289;
const LLOYD_ROUNDS: i32 = 12;

/** Fills the error rows of a prepared codebook whose tables are in place; `centres`: f64 of each bin. */
export function codebook_errors(prepared: usize, centres: usize, unit: f64): void {
  const points = <usize>word(prepared, POINTS);
  const bins = <usize>word(prepared, BINS);
  const rowBytes = <usize>word(prepared, ROW_BYTES);
  const tableCount = <usize>word(prepared, TABLE_COUNT);
  const errors = prepared + <usize>word(prepared, ERRORS);
  const isPair = word(prepared, DIMENSION) == 2;
  memory.fill(errors, <u8>MAX_ERROR, (isPair ? bins * bins : bins) * rowBytes);
  for (let t: usize = 0; t < tableCount; t++) {
    if (isPair) fillPairErrors(prepared + <usize>word(prepared, TABLES) + t * points * 2, points, centres, bins, rowBytes, <f32>unit, errors + t);
    else fillErrors(prepared + <usize>word(prepared, TABLES) + t * points, points, centres, bins, rowBytes, unit, errors + t);
  }
}

function fillErrors(table: usize, points: usize, centres: usize, bins: usize, rowBytes: usize, unit: f64, errors: usize): void {
  const last = table + points - 1;
  let q = table;
  for (let bin: usize = 0; bin < bins; bin++, errors += rowBytes) {
    const centre = load<f64>(centres + (bin << 3));
    while (q < last && abs(<f64>load<i8>(q, 1) - centre) <= abs(<f64>load<i8>(q) - centre)) q++;
    const distance = <f64>load<i8>(q) - centre;
    store<u8>(errors, min(MAX_ERROR, <i32>(distance * distance * unit + 0.5)));
  }
}

// Four bins of one second coordinate at a time.
function fillPairErrors(table: usize, points: usize, centres: usize, bins: usize, rowBytes: usize, unit: f32, errors: usize): void {
  const most = i32x4.splat(MAX_ERROR), half = f32x4.splat(0.5), units = f32x4.splat(unit);
  for (let row: usize = 0; row < bins; row++) {
    const y = <f32>load<f64>(centres + (row << 3));
    for (let column: usize = 0; column < bins; column += 4, errors += rowBytes << 2) {
      const low = f32x4.demote_f64x2_zero(v128.load(centres + (column << 3))), high = f32x4.demote_f64x2_zero(v128.load(centres + (column << 3), 16));
      const x = v128.shuffle<i64>(low, high, 0, 2);
      let least = f32x4.splat(Infinity);
      for (let q = table, end = table + points; q < end; q++) {
        const run = f32x4.sub(f32x4.splat(<f32>load<i8>(q)), x);
        const rise = <f32>load<i8>(q + points) - y;
        least = f32x4.pmin(f32x4.add(f32x4.mul(run, run), f32x4.splat(rise * rise)), least);
      }
      const e = i32x4.min_s(most, i32x4.trunc_sat_f32x4_s(f32x4.add(f32x4.mul(least, units), half)));
      store<u8>(errors, i32x4.extract_lane(e, 0));
      store<u8>(errors + rowBytes, i32x4.extract_lane(e, 1));
      store<u8>(errors + rowBytes * 2, i32x4.extract_lane(e, 2));
      store<u8>(errors + rowBytes * 3, i32x4.extract_lane(e, 3));
    }
  }
}

/** Scales (0 for zero groups), errors, tables and codes of `groups` groups; importance lies beside src. */
export function codebook_assign(src: usize, groups: i32, importance: usize, prepared: usize, scales: usize, errors: usize, tables: usize, codes: usize): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const codeCount = groupSize / <usize>word(prepared, DIMENSION);
  const scratch = prepared + <usize>word(prepared, SCRATCH);
  for (let g: usize = 0; g < <usize>groups; g++) {
    searchGroup(prepared, src, importance);
    store<f32>(scales + (g << 2), load<f32>(scratch, SCALE));
    store<f32>(errors + (g << 2), load<f32>(scratch, ERROR));
    store<u8>(tables + g, load<i32>(scratch, TABLE));
    memory.copy(codes + g * codeCount, scratch + BEST_CODES, codeCount);
    src += groupSize << 2;
    if (importance != 0) importance += groupSize << 2;
  }
}

/**
 * Moves the f64 at `entries` to better places, table by table.
 * @param order room for a u32 per group and per table, and one more
 * @param sums room for two f64 per bin of a histogram or per coordinate of a table's points
 */
export function codebook_improve(
  src: usize, groups: i32, importance: usize, prepared: usize, scales: usize, tables: usize, codes: usize, order: usize, sums: usize, entries: usize,
): void {
  const tableCount = <usize>word(prepared, TABLE_COUNT);
  const points = <usize>word(prepared, POINTS);
  const isPair = word(prepared, DIMENSION) == 2;
  const tableLength: usize = isPair ? points << 1 : points;
  const ends = order;
  const sorted = order + (tableCount << 2);
  sortByTable(<usize>groups, scales, tables, ends, sorted, tableCount);
  let from: usize = sorted;
  for (let t: usize = 0; t < tableCount; t++, entries += tableLength << 3) {
    const end = sorted + (<usize>load<u32>(ends + (t << 2)) << 2);
    if (end == from) continue;
    memory.fill(sums, 0, (isPair ? tableLength : <usize>HISTOGRAM_BINS) << 4);
    let energy: f64 = 0, peak: f64 = 0;
    for (; from < end; from += 4) {
      const g = <usize>load<u32>(from);
      const scale = load<f32>(scales + (g << 2));
      const square = <f64>scale * <f64>scale;
      const largest = addGroup(prepared, src, importance, codes, sums, g, <f32>1 / scale, square);
      energy += square;
      peak += square * <f64>largest;
    }
    if (!(energy > 0)) continue;
    if (isPair) {
      for (let i: usize = 0; i < tableLength; i++) {
        const weight = load<f64>(sums + (i << 4));
        if (weight > 0) store<f64>(entries + (i << 3), load<f64>(sums + (i << 4), 8) / weight);
      }
    } else {
      improveEntries(entries, points, sums);
    }
    const correction = (PEAK_ENTRY * energy) / peak;
    for (let i: usize = 0; i < tableLength; i++) store<f64>(entries + (i << 3), load<f64>(entries + (i << 3)) * correction);
  }
}

// Numbers of the groups that are not zeros, by table; `ends` receives where each table's end.
function sortByTable(groups: usize, scales: usize, tables: usize, ends: usize, sorted: usize, tableCount: usize): void {
  memory.fill(ends, 0, tableCount << 2);
  for (let g: usize = 0; g < groups; g++) {
    if (load<f32>(scales + (g << 2)) == 0) continue;
    const slot = ends + (<usize>load<u8>(tables + g) << 2);
    store<u32>(slot, load<u32>(slot) + 1);
  }
  // First to where each table starts; each group then moves its table's start on, to where it ends.
  let start: u32 = 0;
  for (let t: usize = 0; t < tableCount; t++) {
    const count = load<u32>(ends + (t << 2));
    store<u32>(ends + (t << 2), start);
    start += count;
  }
  for (let g: usize = 0; g < groups; g++) {
    if (load<f32>(scales + (g << 2)) == 0) continue;
    const slot = ends + (<usize>load<u8>(tables + g) << 2);
    const at = load<u32>(slot);
    store<u32>(sorted + (<usize>at << 2), <u32>g);
    store<u32>(slot, at + 1);
  }
}

// @ts-ignore: decorator
@inline
function addTo(slot: usize, v: v128): void {
  v128.store(slot, f64x2.add(v128.load(slot), v));
}

// Adds one group's weights to its table's sums; returns the largest |u|.
// @ts-ignore: decorator
@inline
function addGroup(prepared: usize, src: usize, importance: usize, codes: usize, sums: usize, g: usize, inverse: f32, square: f64): f32 {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const points = <usize>word(prepared, POINTS);
  const isPair = word(prepared, DIMENSION) == 2;
  const inverses = f32x4.splat(inverse), squares = f64x2.splat(square);
  const most = f32x4.splat(<f32>HISTOGRAM_LIMIT), least = f32x4.splat(<f32>-HISTOGRAM_LIMIT), middle = i32x4.splat(HISTOGRAM_LIMIT);
  let largest = f32x4.splat(0);
  for (let j: usize = 0; j < groupSize; j += 4) {
    const at = (g * groupSize + j) << 2;
    const u = f32x4.mul(v128.load(src + at), inverses);
    largest = f32x4.pmax(largest, f32x4.abs(u));
    const u01 = f64x2.promote_low_f32x4(u), u23 = f64x2.promote_low_f32x4(v128.shuffle<i32>(u, u, 2, 3, 2, 3));
    let v01 = squares, v23 = squares;
    if (importance != 0) {
      const v = v128.load(importance + at);
      v01 = f64x2.mul(f64x2.promote_low_f32x4(v), squares);
      v23 = f64x2.mul(f64x2.promote_low_f32x4(v128.shuffle<i32>(v, v, 2, 3, 2, 3)), squares);
    }
    const m01 = f64x2.mul(v01, u01), m23 = f64x2.mul(v23, u23);
    let s0: usize, s1: usize, s2: usize, s3: usize;
    if (isPair) {
      const code = codes + ((g * groupSize + j) >> 1);
      s0 = <usize>load<u8>(code);
      s1 = s0 + points;
      s2 = <usize>load<u8>(code, 1);
      s3 = s2 + points;
    } else {
      const bins = i32x4.add(nearestIntegers(f32x4.pmin(most, f32x4.pmax(least, u))), middle);
      s0 = <usize>i32x4.extract_lane(bins, 0);
      s1 = <usize>i32x4.extract_lane(bins, 1);
      s2 = <usize>i32x4.extract_lane(bins, 2);
      s3 = <usize>i32x4.extract_lane(bins, 3);
    }
    addTo(sums + (s0 << 4), v128.shuffle<i64>(v01, m01, 0, 2));
    addTo(sums + (s1 << 4), v128.shuffle<i64>(v01, m01, 1, 3));
    addTo(sums + (s2 << 4), v128.shuffle<i64>(v23, m23, 0, 2));
    addTo(sums + (s3 << 4), v128.shuffle<i64>(v23, m23, 1, 3));
  }
  const half = f32x4.pmax(largest, v128.shuffle<i32>(largest, largest, 2, 3, 2, 3));
  return max(f32x4.extract_lane(half, 0), f32x4.extract_lane(half, 1));
}

function improveEntries(entries: usize, points: usize, sums: usize): void {
  for (let i: usize = 1; i < <usize>HISTOGRAM_BINS; i++) addTo(sums + (i << 4), v128.load(sums + ((i - 1) << 4)));
  for (let round: i32 = 0; round < LLOYD_ROUNDS; round++) {
    let weightBefore: f64 = 0, momentBefore: f64 = 0, moved: f64 = 0;
    for (let q: usize = 0; q < points; q++) {
      const own = entries + (q << 3);
      const present = load<f64>(own);
      const limit = q + 1 == points ? <f64>HISTOGRAM_BINS : ceil((present + load<f64>(own, 8)) / 2 + <f64>HISTOGRAM_LIMIT);
      const end = <i32>max<f64>(0, min<f64>(<f64>HISTOGRAM_BINS, limit)) - 1;
      if (end < 0) continue;
      const weight = load<f64>(sums + (<usize>end << 4)), moment = load<f64>(sums + (<usize>end << 4), 8);
      if (!(weight > weightBefore)) continue;
      const entry = (moment - momentBefore) / (weight - weightBefore);
      moved = max(moved, abs(entry - present));
      store<f64>(own, entry);
      weightBefore = weight;
      momentBefore = moment;
    }
    if (moved == 0) break;
  }
}
