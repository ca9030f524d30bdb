// Step 1 of the search: twin of ../table-search.ts. The errors of all tables at one trial scale are sums of error rows,
// 16 tables to a vector; the lanes are those in which they compete.
import {
  BIN_OFFSET, BINS, CODE_WEIGHTS, DIMENSION, ERRORS, GROUP_SIZE, INNER_BINS, LEAST_ERRORS, nearestIntegers, OUTER_BINS, ROW_BYTES, ROWS,
  TABLE_COUNT, TRIAL_FACTORS, TRIAL_SCALES, UNITS, WINNERS, word, X,
} from "./prepared-codebook";

const NO_WINNER: i16 = 0x7fff;

/** No table has won in any lane. */
// @ts-ignore: decorator
@inline
export function clearWinners(scratch: usize): void {
  v128.store(scratch, i16x8.splat(NO_WINNER), LEAST_ERRORS);
  v128.store(scratch, i16x8.splat(NO_WINNER), LEAST_ERRORS + 16);
  v128.store(scratch, i16x8.splat(0), WINNERS);
  v128.store(scratch, i16x8.splat(0), WINNERS + 16);
}

/** The winner of least error, trial << 8 | table, of equals that of the lowest lane; -1 when none is left. */
// @ts-ignore: decorator
@inline
export function takeWinner(scratch: usize): i32 {
  const a = v128.load(scratch, LEAST_ERRORS), b = v128.load(scratch, LEAST_ERRORS + 16);
  let least = i16x8.min_s(a, b);
  least = i16x8.min_s(least, v128.shuffle<i64>(least, least, 1, 0));
  least = i16x8.min_s(least, v128.shuffle<i32>(least, least, 1, 0, 3, 2));
  least = i16x8.min_s(least, v128.shuffle<i16>(least, least, 1, 0, 3, 2, 5, 4, 7, 6));
  if (<i16>i16x8.extract_lane_s(least, 0) == NO_WINNER) return -1;
  const lane = ctz(i8x16.bitmask(i8x16.narrow_i16x8_s(i16x8.eq(a, least), i16x8.eq(b, least))));
  store<i16>(scratch + (<usize>lane << 1), NO_WINNER, LEAST_ERRORS);
  return <i32>load<i16>(scratch + (<usize>lane << 1), WINNERS);
}

// @ts-ignore: decorator
@inline
function binsOf(x: v128, scale: v128, inner: v128, outer: v128, offset: v128, half: v128, top: v128): v128 {
  const value = f32x4.mul(x, scale);
  const magnitude = f32x4.abs(value);
  const index = nearestIntegers(f32x4.pmin(f32x4.mul(magnitude, inner), f32x4.add(f32x4.mul(magnitude, outer), offset)));
  const minus = i32x4.shr_s(value, 31);
  return i32x4.min_s(i32x4.max_s(i32x4.add(i32x4.sub(v128.xor(index, minus), minus), half), i32x4.splat(0)), top);
}

/** Finds the error row of each code at one trial scale. */
export function findRows(prepared: usize, scratch: usize, trial: i32): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const bins = word(prepared, BINS);
  const rowBytes = word(prepared, ROW_BYTES);
  const scale = f32x4.splat(load<f32>(prepared + TRIAL_SCALES + (<usize>trial << 2)));
  const inner = f32x4.splat(load<f32>(prepared + INNER_BINS)), outer = f32x4.splat(load<f32>(prepared + OUTER_BINS));
  const offset = f32x4.splat(load<f32>(prepared + BIN_OFFSET));
  const half = i32x4.splat(bins >> 1), top = i32x4.splat(bins - 1);
  if (word(prepared, DIMENSION) == 1) {
    const strides = i32x4.splat(rowBytes);
    for (let j: usize = 0; j < groupSize; j += 4) {
      const bin = binsOf(v128.load(scratch + (j << 2), X), scale, inner, outer, offset, half, top);
      v128.store(scratch + (j << 2), i32x4.mul(bin, strides), ROWS);
    }
    return;
  }
  // Pairs: second coordinate * bins + first, times the row's length.
  const strides = i32x4(rowBytes, rowBytes * bins, rowBytes, rowBytes * bins);
  for (let j: usize = 0; j < groupSize; j += 4) {
    const part = i32x4.mul(binsOf(v128.load(scratch + (j << 2), X), scale, inner, outer, offset, half, top), strides);
    const row = i32x4.add(part, v128.shuffle<i32>(part, part, 1, 0, 3, 2));
    store<i32>(scratch + (j << 1), i32x4.extract_lane(row, 0), ROWS);
    store<i32>(scratch + (j << 1), i32x4.extract_lane(row, 2), ROWS + 4);
  }
}

// Where 16 tables or fewer compete: the lanes are turned by trial * tables, lanes without a table take no part. The
// sums are turned in the room for units, which is free during the search.
function competeFew(prepared: usize, scratch: usize, low: v128, high: v128, trial: i32): void {
  const tableCount = word(prepared, TABLE_COUNT);
  const turn = trial * tableCount & 15;
  const factor = i16x8.splat(<i16>load<i32>(prepared + TRIAL_FACTORS + (<usize>trial << 2)));
  const lanes = i16x8(0, 1, 2, 3, 4, 5, 6, 7), none = i16x8.splat(NO_WINNER);
  const a = v128.bitselect(i16x8.q15mulr_sat_s(low, factor), none, i16x8.lt_s(lanes, i16x8.splat(<i16>tableCount)));
  const b = v128.bitselect(i16x8.q15mulr_sat_s(high, factor), none, i16x8.lt_s(lanes, i16x8.splat(<i16>(tableCount - 8))));
  const room = scratch + UNITS;
  v128.store(room, a);
  v128.store(room, b, 16);
  v128.store(room, a, 32);
  v128.store(room, b, 48);
  const turned = room + (<usize>(16 - turn & 15) << 1);
  const first = i16x8.sub(lanes, i16x8.splat(<i16>turn)), mask = i16x8.splat(15), trials = i16x8.splat(<i16>(trial << 8));
  take(scratch, v128.load(turned), v128.load(turned, 16), v128.or(trials, v128.and(first, mask)),
    v128.or(trials, v128.and(i16x8.add(first, i16x8.splat(8)), mask)));
}

// Tables of lanes 0..7 and 8..15 against the winners so far.
// @ts-ignore: decorator
@inline
function compete(scratch: usize, low: v128, high: v128, factor: v128, lowTables: v128, highTables: v128): void {
  take(scratch, i16x8.q15mulr_sat_s(low, factor), i16x8.q15mulr_sat_s(high, factor), lowTables, highTables);
}

// @ts-ignore: decorator
@inline
function take(scratch: usize, a: v128, b: v128, lowTables: v128, highTables: v128): void {
  const sumsA = v128.load(scratch, LEAST_ERRORS), sumsB = v128.load(scratch, LEAST_ERRORS + 16);
  v128.store(scratch, v128.bitselect(lowTables, v128.load(scratch, WINNERS), i16x8.lt_s(a, sumsA)), WINNERS);
  v128.store(scratch, v128.bitselect(highTables, v128.load(scratch, WINNERS + 16), i16x8.lt_s(b, sumsB)), WINNERS + 16);
  v128.store(scratch, i16x8.min_s(a, sumsA), LEAST_ERRORS);
  v128.store(scratch, i16x8.min_s(b, sumsB), LEAST_ERRORS + 16);
}

/** Sums the rows for all tables, up to 128 at a time, and lets them compete in their lanes. */
export function sumRows(prepared: usize, scratch: usize, trial: i32): void {
  const codes = <usize>(word(prepared, GROUP_SIZE) / word(prepared, DIMENSION));
  const errors = prepared + <usize>word(prepared, ERRORS);
  const rowBytes = word(prepared, ROW_BYTES);
  const rowsEnd = scratch + ROWS + (codes << 2);
  // Within a trial the sums are bytes: the least of each lane, and the vector that holds it; the first of equals.
  let least = i8x16.splat(-1), vector = i8x16.splat(0);
  let at: i32 = 0;
  for (; at + 128 <= rowBytes; at += 128) {
    const base = errors + <usize>at;
    let a0 = i8x16.splat(0), a1 = a0, a2 = a0, a3 = a0, a4 = a0, a5 = a0, a6 = a0, a7 = a0;
    for (let row = scratch + ROWS; row < rowsEnd; row += 8) {
      const p = base + <usize>load<u32>(row), r = base + <usize>load<u32>(row, 4);
      a0 = i8x16.add_sat_u(i8x16.add_sat_u(a0, v128.load(p, 0)), v128.load(r, 0));
      a1 = i8x16.add_sat_u(i8x16.add_sat_u(a1, v128.load(p, 16)), v128.load(r, 16));
      a2 = i8x16.add_sat_u(i8x16.add_sat_u(a2, v128.load(p, 32)), v128.load(r, 32));
      a3 = i8x16.add_sat_u(i8x16.add_sat_u(a3, v128.load(p, 48)), v128.load(r, 48));
      a4 = i8x16.add_sat_u(i8x16.add_sat_u(a4, v128.load(p, 64)), v128.load(r, 64));
      a5 = i8x16.add_sat_u(i8x16.add_sat_u(a5, v128.load(p, 80)), v128.load(r, 80));
      a6 = i8x16.add_sat_u(i8x16.add_sat_u(a6, v128.load(p, 96)), v128.load(r, 96));
      a7 = i8x16.add_sat_u(i8x16.add_sat_u(a7, v128.load(p, 112)), v128.load(r, 112));
    }
    // A pair of vectors at a time, the earlier one first: `least` keeps its place unless the other is strictly less.
    const first = at >> 4;
    let next = i8x16.min_u(least, a0);
    vector = v128.bitselect(vector, i8x16.splat(<i8>first), i8x16.eq(next, least));
    least = i8x16.min_u(next, a1);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 1)), i8x16.eq(next, least));
    next = i8x16.min_u(least, a2);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 2)), i8x16.eq(next, least));
    least = i8x16.min_u(next, a3);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 3)), i8x16.eq(next, least));
    next = i8x16.min_u(least, a4);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 4)), i8x16.eq(next, least));
    least = i8x16.min_u(next, a5);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 5)), i8x16.eq(next, least));
    next = i8x16.min_u(least, a6);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 6)), i8x16.eq(next, least));
    least = i8x16.min_u(next, a7);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(first + 7)), i8x16.eq(next, least));
  }
  for (; at < rowBytes; at += 16) {
    const base = errors + <usize>at;
    let a0 = i8x16.splat(0);
    for (let row = scratch + ROWS; row < rowsEnd; row += 4) a0 = i8x16.add_sat_u(a0, v128.load(base + <usize>load<u32>(row)));
    const next = i8x16.min_u(least, a0);
    vector = v128.bitselect(vector, i8x16.splat(<i8>(at >> 4)), i8x16.eq(next, least));
    least = next;
  }
  if (rowBytes == 16) {
    competeFew(prepared, scratch, i16x8.shl(i16x8.extend_low_i8x16_u(least), 7), i16x8.shl(i16x8.extend_high_i8x16_u(least), 7), trial);
    return;
  }
  const factor = i16x8.splat(<i16>load<i32>(prepared + TRIAL_FACTORS + (<usize>trial << 2)));
  const low = i16x8.add(i16x8.splat(<i16>(trial << 8)), i16x8(0, 1, 2, 3, 4, 5, 6, 7)), high = i16x8.add(low, i16x8.splat(8));
  compete(
    scratch, i16x8.shl(i16x8.extend_low_i8x16_u(least), 7), i16x8.shl(i16x8.extend_high_i8x16_u(least), 7), factor,
    i16x8.add(low, i16x8.shl(i16x8.extend_low_i8x16_u(vector), 4)), i16x8.add(high, i16x8.shl(i16x8.extend_high_i8x16_u(vector), 4)),
  );
}

// @ts-ignore: decorator
@inline
function competeWeighted(scratch: usize, low: v128, high: v128, factor: v128, first: i32): void {
  const tables = i16x8.add(i16x8.splat(<i16>first), i16x8(0, 1, 2, 3, 4, 5, 6, 7));
  compete(scratch, i16x8.shr_u(low, 1), i16x8.shr_u(high, 1), factor, tables, i16x8.add(tables, i16x8.splat(8)));
}

/** The same with each row weighted by the importance of its code. */
export function sumWeightedRows(prepared: usize, scratch: usize, trial: i32): void {
  const codes = <usize>(word(prepared, GROUP_SIZE) / word(prepared, DIMENSION));
  const errors = prepared + <usize>word(prepared, ERRORS);
  const rowBytes = word(prepared, ROW_BYTES);
  const factor = i16x8.splat(<i16>load<i32>(prepared + TRIAL_FACTORS + (<usize>trial << 2)));
  let at: i32 = 0;
  for (; at + 64 <= rowBytes; at += 64) {
    const base = errors + <usize>at, first = (trial << 8) + at;
    let a0 = i16x8.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (let code: usize = 0; code < codes; code++) {
      const p = base + <usize>load<u32>(scratch + (code << 2), ROWS);
      const v = v128.load8_splat(scratch + code, CODE_WEIGHTS);
      let e = v128.load(p);
      a0 = i16x8.add_sat_u(a0, i16x8.extmul_low_i8x16_u(e, v));
      b0 = i16x8.add_sat_u(b0, i16x8.extmul_high_i8x16_u(e, v));
      e = v128.load(p, 16);
      a1 = i16x8.add_sat_u(a1, i16x8.extmul_low_i8x16_u(e, v));
      b1 = i16x8.add_sat_u(b1, i16x8.extmul_high_i8x16_u(e, v));
      e = v128.load(p, 32);
      a2 = i16x8.add_sat_u(a2, i16x8.extmul_low_i8x16_u(e, v));
      b2 = i16x8.add_sat_u(b2, i16x8.extmul_high_i8x16_u(e, v));
      e = v128.load(p, 48);
      a3 = i16x8.add_sat_u(a3, i16x8.extmul_low_i8x16_u(e, v));
      b3 = i16x8.add_sat_u(b3, i16x8.extmul_high_i8x16_u(e, v));
    }
    competeWeighted(scratch, a0, b0, factor, first + 0);
    competeWeighted(scratch, a1, b1, factor, first + 16);
    competeWeighted(scratch, a2, b2, factor, first + 32);
    competeWeighted(scratch, a3, b3, factor, first + 48);
  }
  for (; at < rowBytes; at += 16) {
    const base = errors + <usize>at;
    let a = i16x8.splat(0), b = a;
    for (let code: usize = 0; code < codes; code++) {
      const e = v128.load(base + <usize>load<u32>(scratch + (code << 2), ROWS));
      const v = v128.load8_splat(scratch + code, CODE_WEIGHTS);
      a = i16x8.add_sat_u(a, i16x8.extmul_low_i8x16_u(e, v));
      b = i16x8.add_sat_u(b, i16x8.extmul_high_i8x16_u(e, v));
    }
    if (rowBytes == 16) competeFew(prepared, scratch, i16x8.shr_u(a, 1), i16x8.shr_u(b, 1), trial);
    else competeWeighted(scratch, a, b, factor, (trial << 8) + at);
  }
}
