// Twin of codebook-encode.ts and of the decoder in codebook-format.ts: same arithmetic, same bytes. `codebook` points to
// a copy of the image that codebook-prepare.ts makes; the word offsets below are its WORD table. One group at a time:
// the tables lie in the lanes of the search, the weights in the lanes of the refinement.

const GROUP_SIZE: usize = 0;
const POINTS: usize = 4;
const DIMENSION: usize = 8;
const TABLE_COUNT: usize = 12;
const LEVEL_COUNT: usize = 16;
const TRIALS: usize = 20;
const REFINED: usize = 24;
const ZERO_LEVEL: usize = 28;
const MIRRORED: usize = 32;
const ZERO_BLOCK: usize = 36;
const TABLES: usize = 40;
const LEVELS: usize = 44;
const THRESHOLDS: usize = 48;
const ERRORS: usize = 52;
const SCRATCH: usize = 56;
const STRIDE: usize = 60;
const BINS: usize = 64;
const CODE_BITS: usize = 68;
const FREE_LEVELS: usize = 72;
const INNER_BINS: usize = 76;
const OUTER_BINS: usize = 80;
const BIN_OFFSET: usize = 84;
const TRIAL_SCALE: usize = 96;
const TRIAL_FACTOR: usize = 176;

// Scratch, in bytes from its start: room for 64 weights each.
const X: usize = 0; // f32, the group over its largest weight
const V: usize = 256; // f32, importance over its largest
const V8: usize = 512; // u8 per code, the same in 8 bits
const ROWS: usize = 640; // u32 per code, byte offsets of rows of errors
const UNITS: usize = 896; // i16
const ENTRIES: usize = 1024; // i16
const CODES: usize = 1152; // u8
const BEST_CODES: usize = 1216; // u8
const SUMS: usize = 1280; // i16 x 16, errors of the lanes' winners
const WINNERS: usize = 1312; // i16 x 16, trial << 8 | table
const LEVEL: usize = 1344; // results: i32, i32, f32, f32
const TABLE: usize = 1348;
const SCALE: usize = 1352;
const ERROR: usize = 1356;

const NONE: i16 = 0x7fff;
const TINY: f32 = 7.888609052210118e-31; // 2^-100
const MAX_UNITS: f32 = 16383;
const MAX_DIFFERENCE: i16 = 5791;

@inline function word(image: usize, at: usize): i32 {
  return load<i32>(image + at);
}

@inline function sum_i32(v: v128): i32 {
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3);
}

@inline function sum_f32(v: v128): f32 {
  return f32x4.extract_lane(v, 0) + f32x4.extract_lane(v, 1) + (f32x4.extract_lane(v, 2) + f32x4.extract_lane(v, 3));
}

@inline function finite(value: f32): bool {
  return abs(value) < Infinity;
}

@inline function bin_index(value: v128, inner: v128, outer: v128, offset: v128): v128 {
  const magnitude = f32x4.abs(value);
  const near = f32x4.mul(magnitude, inner);
  const index = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.pmin(near, f32x4.add(f32x4.mul(magnitude, outer), offset))));
  const minus = i32x4.shr_s(value, 31);
  return i32x4.sub(v128.xor(index, minus), minus);
}

// Byte offsets of the rows of errors for one trial scale.
function find_rows(image: usize, scratch: usize, trial: i32): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const bins = word(image, BINS);
  const rowBytes = word(image, STRIDE);
  const trialScale = load<f32>(image + TRIAL_SCALE + (<usize>trial << 2));
  const inner = f32x4.splat(trialScale * load<f32>(image + INNER_BINS));
  const outer = f32x4.splat(trialScale * load<f32>(image + OUTER_BINS));
  const offset = f32x4.splat(load<f32>(image + BIN_OFFSET));
  const half = i32x4.splat(bins >> 1);
  const top = i32x4.splat(bins - 1);
  const zero = i32x4.splat(0);
  if (word(image, DIMENSION) == 1) {
    const stride = i32x4.splat(rowBytes);
    for (let j: usize = 0; j < groupSize; j += 4) {
      const bin = i32x4.add(bin_index(v128.load(scratch + (j << 2), X), inner, outer, offset), half);
      v128.store(scratch + (j << 2), i32x4.mul(i32x4.min_s(i32x4.max_s(bin, zero), top), stride), ROWS);
    }
    return;
  }
  // Pairs: second coordinate * bins + first, times the row's length.
  const strides = i32x4(rowBytes, rowBytes * bins, rowBytes, rowBytes * bins);
  for (let j: usize = 0; j < groupSize; j += 4) {
    const bin = i32x4.add(bin_index(v128.load(scratch + (j << 2), X), inner, outer, offset), half);
    const part = i32x4.mul(i32x4.min_s(i32x4.max_s(bin, zero), top), strides);
    const row = i32x4.add(part, v128.shuffle<i32>(part, part, 1, 0, 3, 2));
    store<i32>(scratch + (j << 1), i32x4.extract_lane(row, 0), ROWS);
    store<i32>(scratch + (j << 1), i32x4.extract_lane(row, 2), ROWS + 4);
  }
}

// Tables of lanes 0..7 and 8..15 against the winners so far; `first` is the number of lane 0's table, trial << 8 | table.
@inline function compete(scratch: usize, low: v128, high: v128, factor: v128, first: i32): void {
  const a = i16x8.q15mulr_sat_s(low, factor), b = i16x8.q15mulr_sat_s(high, factor);
  const sumsA = v128.load(scratch, SUMS), sumsB = v128.load(scratch, SUMS + 16);
  const tables = i16x8.add(i16x8.splat(<i16>first), i16x8(0, 1, 2, 3, 4, 5, 6, 7));
  v128.store(scratch, v128.bitselect(tables, v128.load(scratch, WINNERS), i16x8.lt_s(a, sumsA)), WINNERS);
  const next = i16x8.add(tables, i16x8.splat(8));
  v128.store(scratch, v128.bitselect(next, v128.load(scratch, WINNERS + 16), i16x8.lt_s(b, sumsB)), WINNERS + 16);
  v128.store(scratch, i16x8.min_s(a, sumsA), SUMS);
  v128.store(scratch, i16x8.min_s(b, sumsB), SUMS + 16);
}

// Sums the rows for all tables, 128 at a time, and lets them compete in their lanes.
function sum_rows(image: usize, scratch: usize, trial: i32): void {
  const codes = <usize>(word(image, GROUP_SIZE) / word(image, DIMENSION));
  const errors = image + <usize>word(image, ERRORS);
  const stride = word(image, STRIDE);
  const rowsEnd = scratch + ROWS + (codes << 2);
  const factor = i16x8.splat(<i16>load<i32>(image + TRIAL_FACTOR + (<usize>trial << 2)));
  let at: i32 = 0;
  for (; at + 128 <= stride; at += 128) {
    const base = errors + <usize>at, first = (trial << 8) + at;
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
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a0), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a0), 7), factor, first + 0);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a1), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a1), 7), factor, first + 16);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a2), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a2), 7), factor, first + 32);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a3), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a3), 7), factor, first + 48);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a4), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a4), 7), factor, first + 64);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a5), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a5), 7), factor, first + 80);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a6), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a6), 7), factor, first + 96);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a7), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a7), 7), factor, first + 112);
  }
  for (; at + 64 <= stride; at += 64) {
    const base = errors + <usize>at, first = (trial << 8) + at;
    let a0 = i8x16.splat(0), a1 = a0, a2 = a0, a3 = a0;
    for (let row = scratch + ROWS; row < rowsEnd; row += 4) {
      const p = base + <usize>load<u32>(row);
      a0 = i8x16.add_sat_u(a0, v128.load(p, 0));
      a1 = i8x16.add_sat_u(a1, v128.load(p, 16));
      a2 = i8x16.add_sat_u(a2, v128.load(p, 32));
      a3 = i8x16.add_sat_u(a3, v128.load(p, 48));
    }
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a0), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a0), 7), factor, first + 0);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a1), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a1), 7), factor, first + 16);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a2), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a2), 7), factor, first + 32);
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a3), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a3), 7), factor, first + 48);
  }
  for (; at < stride; at += 16) {
    const base = errors + <usize>at, first = (trial << 8) + at;
    let a0 = i8x16.splat(0);
    for (let row = scratch + ROWS; row < rowsEnd; row += 4) a0 = i8x16.add_sat_u(a0, v128.load(base + <usize>load<u32>(row)));
    compete(scratch, i16x8.shl(i16x8.extend_low_i8x16_u(a0), 7), i16x8.shl(i16x8.extend_high_i8x16_u(a0), 7), factor, first + 0);
  }
}

// The same with each row weighted by the importance of its code.
function sum_weighted_rows(image: usize, scratch: usize, trial: i32): void {
  const codes = <usize>(word(image, GROUP_SIZE) / word(image, DIMENSION));
  const errors = image + <usize>word(image, ERRORS);
  const stride = word(image, STRIDE);
  const factor = i16x8.splat(<i16>load<i32>(image + TRIAL_FACTOR + (<usize>trial << 2)));
  let at: i32 = 0;
  for (; at + 64 <= stride; at += 64) {
    const base = errors + <usize>at, first = (trial << 8) + at;
    let a0 = i16x8.splat(0), a1 = a0, a2 = a0, a3 = a0, b0 = a0, b1 = a0, b2 = a0, b3 = a0;
    for (let code: usize = 0; code < codes; code++) {
      const p = base + <usize>load<u32>(scratch + (code << 2), ROWS);
      const v = v128.load8_splat(scratch + code, V8);
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
    compete(scratch, i16x8.shr_u(a0, 1), i16x8.shr_u(b0, 1), factor, first + 0);
    compete(scratch, i16x8.shr_u(a1, 1), i16x8.shr_u(b1, 1), factor, first + 16);
    compete(scratch, i16x8.shr_u(a2, 1), i16x8.shr_u(b2, 1), factor, first + 32);
    compete(scratch, i16x8.shr_u(a3, 1), i16x8.shr_u(b3, 1), factor, first + 48);
  }
  for (; at < stride; at += 16) {
    const base = errors + <usize>at;
    let a = i16x8.splat(0), b = a;
    for (let code: usize = 0; code < codes; code++) {
      const e = v128.load(base + <usize>load<u32>(scratch + (code << 2), ROWS));
      const v = v128.load8_splat(scratch + code, V8);
      a = i16x8.add_sat_u(a, i16x8.extmul_low_i8x16_u(e, v));
      b = i16x8.add_sat_u(b, i16x8.extmul_high_i8x16_u(e, v));
    }
    compete(scratch, i16x8.shr_u(a, 1), i16x8.shr_u(b, 1), factor, (trial << 8) + at);
  }
}

// Weights in 1/64 table units.
function to_units(scratch: usize, groupSize: usize, scale: f32): void {
  const s = f32x4.splat(scale);
  const most = f32x4.splat(MAX_UNITS), least = f32x4.splat(-MAX_UNITS);
  for (let j: usize = 0; j < groupSize; j += 8) {
    const a = f32x4.pmin(most, f32x4.pmax(least, f32x4.mul(v128.load(scratch + (j << 2), X), s)));
    const b = f32x4.pmin(most, f32x4.pmax(least, f32x4.mul(v128.load(scratch + (j << 2), X + 16), s)));
    const u = i16x8.narrow_i32x4_s(i32x4.trunc_sat_f32x4_s(f32x4.nearest(a)), i32x4.trunc_sat_f32x4_s(f32x4.nearest(b)));
    v128.store(scratch + (j << 1), u, UNITS);
  }
}

// Nearest codes of all weights, and their entries.
function assign_codes(image: usize, scratch: usize, table: i32): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const points = <usize>word(image, POINTS);
  if (word(image, DIMENSION) == 2) {
    assign_pairs(image, scratch, table);
    return;
  }
  const limits = image + <usize>word(image, THRESHOLDS) + ((<usize>table * points) << 1);
  const entries = image + <usize>word(image, TABLES) + <usize>table * points;
  const limitsEnd = limits + ((points - 1) << 1);
  const low = points == 8 ? v128.load64_zero(entries) : v128.load(entries);
  for (let j: usize = 0; j < groupSize; j += 32) {
    const at = scratch + (j << 1);
    const u0 = v128.load(at, UNITS), u1 = v128.load(at, UNITS + 16), u2 = v128.load(at, UNITS + 32), u3 = v128.load(at, UNITS + 48);
    let c0 = i16x8.splat(0), c1 = c0, c2 = c0, c3 = c0;
    for (let p = limits; p < limitsEnd; p += 2) {
      const limit = v128.load16_splat(p);
      c0 = i16x8.sub(c0, i16x8.gt_s(u0, limit));
      c1 = i16x8.sub(c1, i16x8.gt_s(u1, limit));
      c2 = i16x8.sub(c2, i16x8.gt_s(u2, limit));
      c3 = i16x8.sub(c3, i16x8.gt_s(u3, limit));
    }
    const a = i8x16.narrow_i16x8_s(c0, c1), b = i8x16.narrow_i16x8_s(c2, c3);
    v128.store(scratch + j, a, CODES);
    v128.store(scratch + j, b, CODES + 16);
    let e = i8x16.swizzle(low, a), f = i8x16.swizzle(low, b);
    if (points == 32) {
      const high = v128.load(entries, 16), sixteen = i8x16.splat(16);
      e = v128.or(e, i8x16.swizzle(high, i8x16.sub(a, sixteen)));
      f = v128.or(f, i8x16.swizzle(high, i8x16.sub(b, sixteen)));
    }
    v128.store(at, i16x8.extend_low_i8x16_s(e), ENTRIES);
    v128.store(at, i16x8.extend_high_i8x16_s(e), ENTRIES + 16);
    v128.store(at, i16x8.extend_low_i8x16_s(f), ENTRIES + 32);
    v128.store(at, i16x8.extend_high_i8x16_s(f), ENTRIES + 48);
  }
}

// Nearest points: the largest u.p - |p|^2 / 2. The image holds each point as two i16, then half its square norm.
function assign_pairs(image: usize, scratch: usize, table: i32): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const points = word(image, POINTS);
  const first = image + <usize>word(image, THRESHOLDS) + ((<usize>table * <usize>points) << 3);
  const one = i32x4.splat(1);
  for (let j: usize = 0; j < groupSize; j += 16) {
    const at = scratch + (j << 1);
    const u0 = v128.load(at, UNITS), u1 = v128.load(at, UNITS + 16);
    let e0 = v128.load32_splat(first), e1 = e0;
    const norm0 = v128.load32_splat(first, 4);
    let m0 = i32x4.sub(i32x4.dot_i16x8_s(u0, e0), norm0), m1 = i32x4.sub(i32x4.dot_i16x8_s(u1, e0), norm0);
    let c0 = i32x4.splat(0), c1 = c0, q = one;
    for (let p = first + 8, end = first + (<usize>points << 3); p < end; p += 8) {
      const point = v128.load32_splat(p), norm = v128.load32_splat(p, 4);
      const s0 = i32x4.sub(i32x4.dot_i16x8_s(u0, point), norm), s1 = i32x4.sub(i32x4.dot_i16x8_s(u1, point), norm);
      const more0 = i32x4.gt_s(s0, m0), more1 = i32x4.gt_s(s1, m1);
      m0 = i32x4.max_s(m0, s0);
      m1 = i32x4.max_s(m1, s1);
      e0 = v128.bitselect(point, e0, more0);
      e1 = v128.bitselect(point, e1, more1);
      c0 = v128.bitselect(q, c0, more0);
      c1 = v128.bitselect(q, c1, more1);
      q = i32x4.add(q, one);
    }
    const c = i16x8.narrow_i32x4_s(c0, c1);
    v128.store64_lane(scratch + (j >> 1), i8x16.narrow_i16x8_u(c, c), 0, CODES);
    v128.store(at, e0, ENTRIES);
    v128.store(at, e1, ENTRIES + 16);
  }
}

// sum(u T) / sum(T T), 0 where that is not positive.
function least_squares(scratch: usize, groupSize: usize, weighted: bool): f32 {
  let ut: f32, tt: f32;
  if (weighted) {
    let a = f32x4.splat(0), b = a;
    for (let j: usize = 0; j < groupSize; j += 4) {
      const u = f32x4.convert_i32x4_s(v128.load16x4_s(scratch + (j << 1), UNITS));
      const t = f32x4.convert_i32x4_s(v128.load16x4_s(scratch + (j << 1), ENTRIES));
      const v = v128.load(scratch + (j << 2), V);
      a = f32x4.add(a, f32x4.mul(f32x4.mul(u, t), v));
      b = f32x4.add(b, f32x4.mul(f32x4.mul(t, t), v));
    }
    ut = sum_f32(a);
    tt = sum_f32(b);
  } else {
    let a = i32x4.splat(0), b = a;
    for (let j: usize = 0; j < groupSize; j += 8) {
      const u = v128.load(scratch + (j << 1), UNITS), t = v128.load(scratch + (j << 1), ENTRIES);
      a = i32x4.add(a, i32x4.dot_i16x8_s(u, t));
      b = i32x4.add(b, i32x4.dot_i16x8_s(t, t));
    }
    ut = <f32>sum_i32(a);
    tt = <f32>sum_i32(b);
  }
  return tt > 0 && ut > 0 ? ut / tt : 0;
}

function squared_error(scratch: usize, groupSize: usize, weighted: bool): f32 {
  const most = i16x8.splat(MAX_DIFFERENCE), least = i16x8.splat(-MAX_DIFFERENCE);
  let a = i32x4.splat(0), f = f32x4.splat(0);
  for (let j: usize = 0; j < groupSize; j += 8) {
    const u = v128.load(scratch + (j << 1), UNITS), t = v128.load(scratch + (j << 1), ENTRIES);
    const d = i16x8.min_s(i16x8.max_s(i16x8.sub(u, i16x8.shl(t, 6)), least), most);
    if (weighted) {
      const low = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(d)), high = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(d));
      f = f32x4.add(f, f32x4.mul(f32x4.mul(low, low), v128.load(scratch + (j << 2), V)));
      f = f32x4.add(f, f32x4.mul(f32x4.mul(high, high), v128.load(scratch + (j << 2), V + 16)));
    } else {
      a = i32x4.add(a, i32x4.dot_i16x8_s(d, d));
    }
  }
  return weighted ? sum_f32(f) : <f32>sum_i32(a);
}

function nearest_level(image: usize, target: f32): i32 {
  const levels = image + <usize>word(image, LEVELS);
  const count = word(image, LEVEL_COUNT);
  let low: i32 = 0, high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (load<f32>(levels + (<usize>middle << 2)) < target) low = middle + 1;
    else high = middle;
  }
  let found = low;
  if (found == count) found--;
  if (found > 0) {
    const below = load<f32>(levels + (<usize>(found - 1) << 2)), above = load<f32>(levels + (<usize>found << 2));
    if (target - below <= above - target) found--;
  }
  if (load<f32>(levels + (<usize>found << 2)) == 0) {
    if (target > 0 ? found + 1 < count : found == 0) found = min(found + 1, count - 1);
    else if (found > 0) found--;
  }
  return found;
}

function take_zero(image: usize, scratch: usize): void {
  const zero = word(image, ZERO_BLOCK);
  store<i32>(scratch, zero & 255, LEVEL);
  store<i32>(scratch, (zero >> 8) & 255, TABLE);
  store<f32>(scratch, 0, SCALE);
  store<f32>(scratch, 0, ERROR);
  const codes = i8x16.splat(<i8>(zero >> 16));
  v128.store(scratch, codes, BEST_CODES);
  v128.store(scratch, codes, BEST_CODES + 16);
  v128.store(scratch, codes, BEST_CODES + 32);
  v128.store(scratch, codes, BEST_CODES + 48);
}

// Leaves level, table, scale and codes of one group in the scratch.
function search_group(image: usize, src: usize, importance: usize): void {
  const scratch = image + <usize>word(image, SCRATCH);
  const groupSize = <usize>word(image, GROUP_SIZE);
  let lows = f32x4.splat(0), highs = lows;
  for (let j: usize = 0; j < groupSize; j += 4) {
    const w = v128.load(src + (j << 2));
    lows = f32x4.pmin(lows, w);
    highs = f32x4.pmax(highs, w);
  }
  const low = min(min(f32x4.extract_lane(lows, 0), f32x4.extract_lane(lows, 1)), min(f32x4.extract_lane(lows, 2), f32x4.extract_lane(lows, 3)));
  const high = max(max(f32x4.extract_lane(highs, 0), f32x4.extract_lane(highs, 1)), max(f32x4.extract_lane(highs, 2), f32x4.extract_lane(highs, 3)));
  const largest = high < -low ? low : high;
  const magnitude = abs(largest);
  const m = word(image, MIRRORED) == 1 ? largest : magnitude;
  take_zero(image, scratch);
  if (!(magnitude >= TINY && magnitude < Infinity)) return;
  const inverse = f32x4.splat(<f32>1 / m);
  for (let j: usize = 0; j < groupSize << 2; j += 16) v128.store(scratch + j, f32x4.mul(v128.load(src + j), inverse), X);
  let weighted = false, importanceUnit: f32 = 1;
  if (importance != 0) {
    let mosts = f32x4.splat(0);
    for (let j: usize = 0; j < groupSize << 2; j += 16) mosts = f32x4.pmax(mosts, v128.load(importance + j));
    const most = max(max(f32x4.extract_lane(mosts, 0), f32x4.extract_lane(mosts, 1)), max(f32x4.extract_lane(mosts, 2), f32x4.extract_lane(mosts, 3)));
    weighted = most >= TINY && most < Infinity;
    if (weighted) {
      importanceUnit = most;
      const share = f32x4.splat(<f32>1 / most), full = f32x4.splat(255);
      const isPair = word(image, DIMENSION) == 2, one = i32x4.splat(1);
      for (let j: usize = 0; j < groupSize; j += 4) {
        const v = f32x4.mul(v128.load(importance + (j << 2)), share);
        v128.store(scratch + (j << 2), v, V);
        const fixed = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v, full)));
        if (isPair) {
          const both = i32x4.shr_s(i32x4.add(i32x4.add(fixed, v128.shuffle<i32>(fixed, fixed, 1, 0, 3, 2)), one), 1);
          store<u8>(scratch + (j >> 1), i32x4.extract_lane(both, 0), V8);
          store<u8>(scratch + (j >> 1), i32x4.extract_lane(both, 2), V8 + 1);
        } else {
          const words = i16x8.narrow_i32x4_s(fixed, fixed);
          v128.store32_lane(scratch + j, i8x16.narrow_i16x8_u(words, words), 0, V8);
        }
      }
    }
  }
  v128.store(scratch, i16x8.splat(NONE), SUMS);
  v128.store(scratch, i16x8.splat(NONE), SUMS + 16);
  v128.store(scratch, i16x8.splat(0), WINNERS);
  v128.store(scratch, i16x8.splat(0), WINNERS + 16);
  const trials = word(image, TRIALS);
  for (let trial: i32 = 0; trial < trials; trial++) {
    find_rows(image, scratch, trial);
    if (weighted) sum_weighted_rows(image, scratch, trial);
    else sum_rows(image, scratch, trial);
  }
  const free = word(image, FREE_LEVELS) == 1;
  let least: f32 = Infinity;
  let taken: i32 = 0;
  for (let turn = min(word(image, REFINED), word(image, TABLE_COUNT)); turn > 0; turn--) {
    let lane: i32 = -1, sum: i32 = 0x8000;
    for (let other: i32 = 0; other < 16; other++) {
      const candidate = <i32>load<i16>(scratch + (<usize>other << 1), SUMS);
      if (candidate < sum && (taken & (1 << other)) == 0) {
        sum = candidate;
        lane = other;
      }
    }
    if (lane < 0) break;
    taken |= 1 << lane;
    const winner = <i32>load<i16>(scratch + (<usize>lane << 1), WINNERS);
    const table = winner & 255;
    const entryScale = load<f32>(image + TRIAL_SCALE + (<usize>(winner >> 8) << 2));
    const trialScale = entryScale * 64;
    to_units(scratch, groupSize, trialScale);
    assign_codes(image, scratch, table);
    const factor = least_squares(scratch, groupSize, weighted);
    let scale = (m * factor) / trialScale;
    if (!(abs(scale) > 0 && finite(scale))) scale = m / (trialScale / 64);
    let level: i32 = 0;
    let used = scale;
    if (!free) {
      level = nearest_level(image, scale);
      used = load<f32>(image + <usize>word(image, LEVELS) + (<usize>level << 2));
    }
    const perUnit = used / m;
    if (!(perUnit != 0)) continue;
    to_units(scratch, groupSize, <f32>64 / perUnit);
    assign_codes(image, scratch, table);
    const error = squared_error(scratch, groupSize, weighted) * (perUnit * perUnit);
    if (error < least) {
      least = error;
      store<i32>(scratch, level, LEVEL);
      store<i32>(scratch, table, TABLE);
      store<f32>(scratch, used, SCALE);
      store<f32>(scratch, error * (m * m) * importanceUnit, ERROR);
      v128.store(scratch, v128.load(scratch, CODES), BEST_CODES);
      v128.store(scratch, v128.load(scratch, CODES + 16), BEST_CODES + 16);
      if (groupSize == 64) {
        v128.store(scratch, v128.load(scratch, CODES + 32), BEST_CODES + 32);
        v128.store(scratch, v128.load(scratch, CODES + 48), BEST_CODES + 48);
      }
    }
  }
  if (word(image, ZERO_LEVEL) >= 0 && !free) {
    to_units(scratch, groupSize, 64);
    let a = i32x4.splat(0), f = f32x4.splat(0);
    for (let j: usize = 0; j < groupSize; j += 4) {
      const u = v128.load16x4_s(scratch + (j << 1), UNITS);
      const square = i32x4.mul(u, u);
      if (weighted) f = f32x4.add(f, f32x4.mul(f32x4.convert_i32x4_s(square), v128.load(scratch + (j << 2), V)));
      else a = i32x4.add(a, square);
    }
    const zeroError = weighted ? sum_f32(f) : <f32>sum_i32(a);
    if (!(least <= zeroError)) take_zero(image, scratch);
  }
}

// Writes the codes of a block: see codebook-codes.ts.
@inline function pack_codes(image: usize, codes: usize, dst: usize): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const bits = word(image, CODE_BITS);
  const spans = groupSize >> 5;
  if (word(image, DIMENSION) == 2) {
    for (let span: usize = 0; span < spans; span++) {
      const c = codes + (span << 4);
      const low = load<u64>(c), high = load<u64>(c, 8);
      store<u64>(dst + (span << 3), (low & 0x0f0f0f0f0f0f0f0f) | ((high & 0x0f0f0f0f0f0f0f0f) << 4));
      if (bits == 6) {
        for (let byte: usize = 0; byte < 4; byte++) {
          const four = load<u32>(c + (byte << 2)) >> 4;
          store<u8>(dst + (spans << 3) + (span << 2) + byte, (four & 3) | ((four >> 6) & 12) | ((four >> 12) & 48) | ((four >> 18) & 192));
        }
      }
    }
    return;
  }
  for (let span: usize = 0; span < spans; span++) {
    const c = codes + (span << 5);
    const low = v128.load(c), high = v128.load(c, 16);
    if (bits == 3) {
      const three: u64 = 0x0303030303030303;
      store<u64>(
        dst + (span << 3),
        (load<u64>(c) & three) | ((load<u64>(c, 8) & three) << 2) | ((load<u64>(c, 16) & three) << 4) | ((load<u64>(c, 24) & three) << 6),
      );
      store<u32>(dst + (spans << 3) + (span << 2), i8x16.bitmask(i8x16.shl(low, 5)) | (i8x16.bitmask(i8x16.shl(high, 5)) << 16));
      continue;
    }
    const fifteen = i8x16.splat(15);
    v128.store(dst + (span << 4), v128.or(v128.and(low, fifteen), i8x16.shl(high, 4)));
    if (bits == 5) store<u32>(dst + (spans << 4) + (span << 2), i8x16.bitmask(i8x16.shl(low, 3)) | (i8x16.bitmask(i8x16.shl(high, 3)) << 16));
  }
}

function encode_groups(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, image: usize): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const blockBytes: usize = 2 + (groupSize / <usize>word(image, DIMENSION) / 8) * <usize>word(image, CODE_BITS);
  const scratch = image + <usize>word(image, SCRATCH);
  for (let row: i32 = 0; row < rows; row++) {
    for (let column: usize = 0; column < <usize>rowLength; column += groupSize) {
      search_group(image, src, importance == 0 ? 0 : importance + (column << 2));
      store<u8>(dst, load<i32>(scratch, LEVEL));
      store<u8>(dst, load<i32>(scratch, TABLE), 1);
      pack_codes(image, scratch + BEST_CODES, dst + 2);
      src += groupSize << 2;
      dst += blockBytes;
    }
  }
}

// The assignment step of the fit (assign-groups.ts): scales (0 for zero groups), errors, tables and codes of `groups` groups, importance beside src.
export function codebook_assign(src: usize, groups: i32, importance: usize, image: usize, scales: usize, errors: usize, tables: usize, codes: usize): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const codeCount = groupSize / <usize>word(image, DIMENSION);
  const scratch = image + <usize>word(image, SCRATCH);
  for (let g: usize = 0; g < <usize>groups; g++) {
    search_group(image, src, importance);
    store<f32>(scales + (g << 2), load<f32>(scratch, SCALE));
    store<f32>(errors + (g << 2), load<f32>(scratch, ERROR));
    store<u8>(tables + g, load<i32>(scratch, TABLE));
    memory.copy(codes + g * codeCount, scratch + BEST_CODES, codeCount);
    src += groupSize << 2;
    if (importance != 0) importance += groupSize << 2;
  }
}

// The statistics of the fit (table-statistics.ts), in f64 and in its order. Histograms of weight / scale for tables of
// single weights, sums per entry for tables of points; `reaches` has two sums per table.
export function codebook_gather(
  src: usize, groups: i32, importance: usize, image: usize, scales: usize, tables: usize, codes: usize,
  weights: usize, moments: usize, reaches: usize, bins: i32, binsPerUnit: f64,
): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const points = word(image, POINTS);
  const isPair = word(image, DIMENSION) == 2;
  const length = isPair ? points << 1 : bins;
  const middle = <f64>(bins >> 1) + 0.5;
  const top = <f64>(bins - 1);
  for (let g: usize = 0; g < <usize>groups; g++, src += groupSize << 2) {
    const scale = <f64>load<f32>(scales + (g << 2));
    if (scale == 0) continue;
    const table = <i32>load<u8>(tables + g);
    const inverse = 1 / scale;
    const square = scale * scale;
    const from = <usize>(table * length) << 3;
    let largest: f64 = 0;
    for (let j: usize = 0; j < groupSize; j++) {
      const u = <f64>load<f32>(src + (j << 2)) * inverse;
      const v = importance == 0 ? square : <f64>load<f32>(importance + (((g * groupSize) + j) << 2)) * square;
      largest = max(largest, abs(u));
      let at: usize;
      if (isPair) at = <usize>(<i32>(j & 1) * points + <i32>load<u8>(codes + ((g * groupSize + j) >> 1)));
      else at = <usize>max(<f64>0, min(top, floor(u * binsPerUnit + middle)));
      const slot = from + (at << 3);
      store<f64>(weights + slot, load<f64>(weights + slot) + v);
      store<f64>(moments + slot, load<f64>(moments + slot) + v * u);
    }
    const reach = reaches + (<usize>table << 4);
    store<f64>(reach, load<f64>(reach) + square);
    store<f64>(reach, load<f64>(reach, 8) + square * largest, 8);
  }
}

function decode_blocks(src: usize, dst: usize, blocks: i32, image: usize): void {
  const groupSize = <usize>word(image, GROUP_SIZE);
  const dimension = <usize>word(image, DIMENSION);
  const points = <usize>word(image, POINTS);
  const bits = <usize>word(image, CODE_BITS);
  const blockBytes: usize = 2 + (groupSize / dimension / 8) * bits;
  const levels = image + <usize>word(image, LEVELS);
  const tables = image + <usize>word(image, TABLES);
  const spans = groupSize >> 5;
  const lowBytes: usize = bits == 3 ? 8 : 16 / dimension;
  const count: usize = 32 / dimension, half: usize = count >> 1;
  for (let block: i32 = 0; block < blocks; block++) {
    const level = load<f32>(levels + (<usize>load<u8>(src) << 2));
    const table = tables + <usize>load<u8>(src, 1) * points * dimension;
    for (let span: usize = 0; span < spans; span++) {
      const low = src + 2 + span * lowBytes;
      const high = src + 2 + spans * lowBytes + (span << 2);
      if (dimension == 1 && bits == 4) {
        const q = v128.load(low), entries = v128.load(table);
        store_product(dst, i8x16.swizzle(entries, v128.and(q, i8x16.splat(15))), level);
        store_product(dst + 64, i8x16.swizzle(entries, i8x16.shr_u(q, 4)), level);
      } else {
        const highBits = bits == 4 ? 0 : load<u32>(high);
        for (let j: usize = 0; j < count; j++) {
          let code: u32;
          if (bits == 3) code = ((<u32>load<u8>(low + (j & 7)) >> <u32>((j >> 3) << 1)) & 3) | (((highBits >> <u32>j) & 1) << 2);
          else {
            const byte = <u32>load<u8>(low + (j < half ? j : j - half));
            code = j < half ? byte & 15 : byte >> 4;
            if (bits == 5) code |= ((highBits >> <u32>j) & 1) << 4;
            if (bits == 6) code |= ((highBits >> <u32>(j << 1)) & 3) << 4;
          }
          if (dimension == 1) store<f32>(dst + (j << 2), level * <f32>load<i8>(table + <usize>code));
          else {
            store<f32>(dst + (j << 3), level * <f32>load<i8>(table + <usize>code));
            store<f32>(dst + (j << 3), level * <f32>load<i8>(table + points + <usize>code), 4);
          }
        }
      }
      dst += 128;
    }
    src += blockBytes;
  }
}

@inline function store_product(dst: usize, entries: v128, level: f32): void {
  const l = f32x4.splat(level);
  const a = i16x8.extend_low_i8x16_s(entries), b = i16x8.extend_high_i8x16_s(entries);
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(a))));
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(a))), 16);
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(b))), 32);
  v128.store(dst, f32x4.mul(l, f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(b))), 48);
}

export function encode_q5_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q5_cb(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q5_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q5_cb_g64(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q4_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q4_cb(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q4_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q4_cb_g64(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q3_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q3_cb(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q3_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q3_cb_g64(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q3_cb2(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q3_cb2(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q2_cb(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q2_cb(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
export function encode_q2_cb_g64(src: usize, dst: usize, rows: i32, rowLength: i32, importance: usize, codebook: usize): void {
  encode_groups(src, dst, rows, rowLength, importance, codebook);
}
export function decode_q2_cb_g64(src: usize, dst: usize, blocks: i32, codebook: usize): void {
  decode_blocks(src, dst, blocks, codebook);
}
