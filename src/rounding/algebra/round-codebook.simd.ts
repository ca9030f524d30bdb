// Twin of round-codebook.ts: a row at a time; four columns, or four points, in the lanes.
import { findCandidates } from "../../../codecs/codebooks/simd/group-search";
import { DIMENSION, GROUP_SIZE, LEVELS, POINTS, TABLES, word } from "../../../codecs/codebooks/simd/prepared-codebook";

// The scratch, in bytes from its start.
const TARGETS: usize = 0; // f32 x 64, then the gradients of the group under trial
const WEIGHTS: usize = 256; // f32 x 64
const CANDIDATES: usize = 512; // level and table of each, then errors
const ENTRIES: usize = 640; // f32 x 128: entries of the table at hand, times nothing or times the level
const MIDDLES: usize = 1152; // f32 x 32: sums of neighbours; the first is infinite, as are those behind the last
const GROUP_VALUES: usize = 1280; // f32 x 64
const GROUP_CODES: usize = 1536; // u8 x 64

// g_i -= change * m_i for `count` floats.
// @ts-ignore: decorator
@inline
function push(gradients: usize, matrix: usize, count: usize, change: f32): void {
  const c = f32x4.splat(change);
  let i: usize = 0;
  for (; i + 4 <= count; i += 4) {
    const at = gradients + (i << 2);
    v128.store(at, f32x4.sub(v128.load(at), f32x4.mul(c, v128.load(matrix + (i << 2)))));
  }
  for (; i < count; i++) {
    const at = gradients + (i << 2);
    store<f32>(at, load<f32>(at) - change * load<f32>(matrix + (i << 2)));
  }
}

// Entries of a table as f32 and, for single weights, the sums of neighbours.
function loadTable(prepared: usize, scratch: usize, table: usize): void {
  const points = <usize>word(prepared, POINTS), dimension = <usize>word(prepared, DIMENSION), length = points * dimension;
  const from = prepared + <usize>word(prepared, TABLES) + table * length;
  for (let k: usize = 0; k < length; k++) store<f32>(scratch + ENTRIES + (k << 2), <f32>load<i8>(from + k));
  if (dimension == 2) return;
  store<f32>(scratch + MIDDLES, Infinity);
  for (let k: usize = 1; k < 32; k++) {
    const at = scratch + ENTRIES + (k << 2);
    store<f32>(scratch + MIDDLES + (k << 2), k < points ? load<f32>(at - 4) + load<f32>(at) : Infinity);
  }
}

// The entry nearest to t / scale.
// @ts-ignore: decorator
@inline
function nearestEntry(scratch: usize, points: usize, scale: f32, t: f32): i32 {
  if (scale == 0) return 0;
  const twice = f32x4.splat(2 * (t / scale));
  let code: i32 = 0;
  for (let k: usize = 0; k < points << 2; k += 16) {
    code += popcnt(i32x4.bitmask(f32x4.lt(v128.load(scratch + MIDDLES + k), twice)));
  }
  return code;
}

// The point that leaves least of two weights: index of the first with the least loss.
function nearestPoint(
  scratch: usize, points: usize, scale: f32, isDescent: bool, g1: f32, g2: f32, d1: f32, d2: f32, m: f32, b1: f32, b2: f32,
): i32 {
  const s = f32x4.splat(scale), first = f32x4.splat(b1), second = f32x4.splat(b2);
  const G1 = f32x4.splat(g1), G2 = f32x4.splat(g2), D1 = f32x4.splat(d1), D2 = f32x4.splat(d2), M = f32x4.splat(m);
  const H1 = f32x4.splat(d1 * 0.5), H2 = f32x4.splat(d2 * 0.5);
  let least = f32x4.splat(Infinity), best = i32x4.splat(0), index = i32x4(0, 1, 2, 3);
  for (let p: usize = 0; p < points << 2; p += 16) {
    const c1 = f32x4.sub(f32x4.mul(s, v128.load(scratch + ENTRIES + p)), first);
    const c2 = f32x4.sub(f32x4.mul(s, v128.load(scratch + ENTRIES + (points << 2) + p)), second);
    let loss: v128;
    if (isDescent) {
      const a = f32x4.mul(c1, f32x4.sub(f32x4.mul(H1, c1), G1));
      const b = f32x4.mul(c2, f32x4.sub(f32x4.add(f32x4.mul(H2, c2), f32x4.mul(M, c1)), G2));
      loss = f32x4.add(a, b);
    } else {
      const r1 = f32x4.sub(G1, f32x4.mul(c1, D1));
      const r2 = f32x4.sub(f32x4.sub(G2, f32x4.mul(c1, M)), f32x4.mul(c2, D2));
      loss = f32x4.add(f32x4.mul(r1, r1), f32x4.mul(r2, r2));
    }
    const less = f32x4.lt(loss, least);
    least = v128.bitselect(loss, least, less);
    best = v128.bitselect(index, best, less);
    index = i32x4.add(index, i32x4.splat(4));
  }
  let loss = f32x4.extract_lane(least, 0), point = i32x4.extract_lane(best, 0);
  for (let lane = 1; lane < 4; lane++) {
    const other = lane == 1 ? f32x4.extract_lane(least, 1) : lane == 2 ? f32x4.extract_lane(least, 2) : f32x4.extract_lane(least, 3);
    const where = lane == 1 ? i32x4.extract_lane(best, 1) : lane == 2 ? i32x4.extract_lane(best, 2) : i32x4.extract_lane(best, 3);
    if (other < loss || (other == loss && where < point)) {
      loss = other;
      point = where;
    }
  }
  return loss == Infinity ? 0 : point;
}

// Rounds the group whose gradients lie at TARGETS; values and codes go to the scratch. Returns what is left.
function roundGroup(
  prepared: usize, scratch: usize, groupSize: usize, level: usize, table: usize, base: usize, matrix: usize, rowBytes: usize,
  diagonal: usize, isDescent: bool,
): f32 {
  const points = <usize>word(prepared, POINTS), isPair = word(prepared, DIMENSION) == 2;
  const scale = load<f32>(prepared + <usize>word(prepared, LEVELS) + (level << 2));
  loadTable(prepared, scratch, table);
  let left: f32 = 0;
  for (let j: usize = 0; j < groupSize; j++) {
    const at = j << 2, own = scratch + TARGETS + at;
    let value: f32;
    if (!isPair) {
      const code = nearestEntry(scratch, points, scale, load<f32>(base + at) + load<f32>(own) / load<f32>(diagonal + at));
      store<u8>(scratch + GROUP_CODES + j, <u8>code);
      value = scale == 0 ? 0 : scale * load<f32>(scratch + ENTRIES + (<usize>code << 2));
    } else if ((j & 1) == 0) {
      const code = nearestPoint(
        scratch, points, scale, isDescent, load<f32>(own), load<f32>(own, 4), load<f32>(diagonal + at),
        load<f32>(diagonal + at, 4), load<f32>(matrix + j * rowBytes + at, 4), load<f32>(base + at), load<f32>(base + at, 4),
      );
      store<u8>(scratch + GROUP_CODES + j, <u8>code);
      value = scale * load<f32>(scratch + ENTRIES + (<usize>code << 2));
    } else {
      const code = <usize>load<u8>(scratch + GROUP_CODES + j - 1);
      store<u8>(scratch + GROUP_CODES + j, 0);
      value = scale * load<f32>(scratch + ENTRIES + ((points + code) << 2));
    }
    store<f32>(scratch + GROUP_VALUES + at, value);
    const change = value - load<f32>(base + at);
    push(own + 4, matrix + j * rowBytes + at + 4, groupSize - j - 1, change);
    const rest = load<f32>(own) - change * load<f32>(diagonal + at);
    store<f32>(own, rest);
    left += rest * rest;
  }
  return left;
}

export function round_codebook(
  prepared: usize, rows: i32, columns: i32, stride: i32, gradients: usize, base: usize, matrix: usize, matrixStride: i32,
  diagonal: usize, candidates: i32, choices: usize, values: usize, codes: usize, scratch: usize,
): void {
  const groupSize = <usize>word(prepared, GROUP_SIZE), groupBytes = groupSize << 2, rowBytes = <usize>matrixStride << 2;
  const isDescent = candidates == 0;
  for (let r: i32 = 0; r < rows; r++) {
    const row = <usize>r * <usize>stride;
    for (let first: usize = 0; first < <usize>columns; first += groupSize, choices += 2) {
      const at = (row + first) << 2, g = gradients + at, b = base + at, d = diagonal + (first << 2);
      const m = matrix + first * rowBytes + (first << 2);
      let count: i32 = 1;
      store<u16>(scratch + CANDIDATES, load<u16>(choices));
      if (!isDescent) {
        memory.copy(scratch + GROUP_VALUES, g, groupBytes);
        for (let j: usize = 0; j < groupSize; j++) {
          const column = j << 2, pivot = load<f32>(d + column), own = scratch + GROUP_VALUES + column;
          const change = load<f32>(own) / pivot;
          store<f32>(scratch + TARGETS + column, load<f32>(b + column) + change);
          store<f32>(scratch + WEIGHTS + column, pivot * pivot);
          push(own + 4, m + j * rowBytes + column + 4, groupSize - j - 1, change);
        }
        count = findCandidates(prepared, scratch + TARGETS, scratch + WEIGHTS, candidates, scratch + CANDIDATES);
      }
      let best: usize = 0, least: f32 = Infinity;
      if (count > 1) {
        for (let candidate: usize = 0; candidate < <usize>count; candidate++) {
          memory.copy(scratch + TARGETS, g, groupBytes);
          const choice = scratch + CANDIDATES + 2 * candidate;
          const left = roundGroup(prepared, scratch, groupSize, load<u8>(choice), load<u8>(choice, 1), b, m, rowBytes, d, isDescent);
          if (left < least) {
            least = left;
            best = candidate;
          }
        }
      }
      const choice = scratch + CANDIDATES + 2 * best;
      memory.copy(scratch + TARGETS, g, groupBytes);
      roundGroup(prepared, scratch, groupSize, load<u8>(choice), load<u8>(choice, 1), b, m, rowBytes, d, isDescent);
      store<u16>(choices, load<u16>(choice));
      memory.copy(g, scratch + TARGETS, groupBytes);
      memory.copy(values + at, scratch + GROUP_VALUES, groupBytes);
      memory.copy(codes + row + first, scratch + GROUP_CODES, groupSize);
      const behind = <usize>columns - first - groupSize;
      for (let j: usize = 0; j < groupSize; j++) {
        const change = load<f32>(scratch + GROUP_VALUES + (j << 2)) - load<f32>(b + (j << 2));
        push(g + groupBytes, m + j * rowBytes + groupBytes, behind, change);
      }
    }
  }
}
