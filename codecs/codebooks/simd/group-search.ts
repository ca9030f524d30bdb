// The search for a group's encoding: twin of ../group-search.ts, function by function.
import {
  BEST_CODES, CODE_WEIGHTS, CODES, DIMENSION, ERROR, ERROR_WEIGHTS, GROUP_SIZE, LEVEL, LEVELS, MIRRORED, REFINED, SCALE, SCRATCH, TABLE,
  TRIAL_SCALES, TRIALS, WITHOUT_LEVELS, word, X, ZERO_BLOCK, ZERO_LEVEL,
} from "./prepared-codebook";
import { assignCodes, assignRoughly, leastSquares, nearestLevel, squaredError, squaredUnits, toUnits } from "./refine-group";
import { clearWinners, findRows, sumRows, sumWeightedRows, takeWinner } from "./table-search";

const SMALLEST_GROUP: f32 = 7.888609052210118e-31; // 2^-100

/** Leaves level, table, scale, error and codes of one group in the scratch; `importance` is its address, or 0. */
export function searchGroup(prepared: usize, src: usize, importance: usize): void {
  const scratch = prepared + <usize>word(prepared, SCRATCH);
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const divisor = loadGroup(prepared, scratch, src, groupSize);
  if (divisor == 0) {
    chooseZero(prepared, scratch);
    return;
  }
  const largestImportance = importance == 0 ? <f32>0 : loadImportance(prepared, scratch, importance, groupSize);
  const isWeighted = largestImportance > 0;

  compete(prepared, scratch, isWeighted);
  let least: f32 = Infinity;
  for (let turn = word(prepared, REFINED); turn > 0; turn--) {
    const winner = takeWinner(scratch);
    if (winner < 0) break;
    least = refine(prepared, scratch, groupSize, winner, divisor, isWeighted, least);
  }
  if (least == Infinity) {
    chooseZero(prepared, scratch);
    return;
  }
  if (isWeighted) store<f32>(scratch, load<f32>(scratch, ERROR) * largestImportance, ERROR);
  // Without importance the largest weight alone is worth 64 * 64.
  if (word(prepared, ZERO_LEVEL) >= 0 && word(prepared, WITHOUT_LEVELS) == 0 && (isWeighted || least > 4096)) {
    toUnits(scratch, groupSize, 64);
    if (!(least <= squaredUnits(scratch, groupSize, isWeighted))) chooseZero(prepared, scratch);
  }
}

// @ts-ignore: decorator
@inline
function compete(prepared: usize, scratch: usize, isWeighted: bool): void {
  clearWinners(scratch);
  const trials = word(prepared, TRIALS);
  for (let trial: i32 = 0; trial < trials; trial++) {
    findRows(prepared, scratch, trial);
    if (isWeighted) sumWeightedRows(prepared, scratch, trial);
    else sumRows(prepared, scratch, trial);
  }
}

/**
 * The likeliest levels and tables of a group, two bytes each at `candidates`, where there is room for 16 and for 16 f32
 * behind them; returns how many, at least 1.
 */
export function findCandidates(prepared: usize, src: usize, importance: usize, count: i32, candidates: usize): i32 {
  const scratch = prepared + <usize>word(prepared, SCRATCH);
  const groupSize = <usize>word(prepared, GROUP_SIZE);
  const divisor = loadGroup(prepared, scratch, src, groupSize);
  const errors = candidates + 32;
  let found: i32 = 0;
  if (divisor != 0) {
    const isWeighted = loadImportance(prepared, scratch, importance, groupSize) > 0;
    compete(prepared, scratch, isWeighted);
    for (let winner = takeWinner(scratch); winner >= 0; winner = takeWinner(scratch)) {
      const error = refine(prepared, scratch, groupSize, winner, divisor, isWeighted, Infinity);
      if (error == Infinity) continue;
      const choice = <u16>(load<i32>(scratch, LEVEL) | (load<i32>(scratch, TABLE) << 8));
      let isNew = true;
      for (let i: i32 = 0; i < found; i++) if (load<u16>(candidates + <usize>(2 * i)) == choice) isNew = false;
      if (!isNew) continue;
      let place = found;
      while (place > 0 && error < load<f32>(errors + <usize>(4 * (place - 1)))) place--;
      if (place >= count) continue;
      if (found < count) found++;
      for (let i = found - 1; i > place; i--) {
        store<u16>(candidates + <usize>(2 * i), load<u16>(candidates + <usize>(2 * i - 2)));
        store<f32>(errors + <usize>(4 * i), load<f32>(errors + <usize>(4 * i - 4)));
      }
      store<u16>(candidates + <usize>(2 * place), choice);
      store<f32>(errors + <usize>(4 * place), error);
    }
  }
  if (found > 0) return found;
  chooseZero(prepared, scratch);
  store<u8>(candidates, <u8>load<i32>(scratch, LEVEL));
  store<u8>(candidates, <u8>load<i32>(scratch, TABLE), 1);
  return 1;
}

function chooseZero(prepared: usize, scratch: usize): void {
  const zero = word(prepared, ZERO_BLOCK);
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

// @ts-ignore: decorator
@inline
function greatestLane(v: v128): f32 {
  const half = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 2, 3));
  return max(f32x4.extract_lane(half, 0), f32x4.extract_lane(half, 1));
}

// The group over its largest weight, which is returned; 0 for a group that counts as zeros or is infinite.
// @ts-ignore: decorator
@inline
function loadGroup(prepared: usize, scratch: usize, src: usize, groupSize: usize): f32 {
  let lows = f32x4.splat(0), highs = lows;
  for (let j: usize = 0; j < groupSize << 2; j += 16) {
    const w = v128.load(src + j);
    lows = f32x4.pmin(lows, w);
    highs = f32x4.pmax(highs, w);
  }
  const low = -greatestLane(f32x4.neg(lows)), high = greatestLane(highs);
  const largest = high < -low ? low : high;
  const magnitude = abs(largest);
  if (!(magnitude >= SMALLEST_GROUP && magnitude < Infinity)) return 0;
  const divisor = word(prepared, MIRRORED) == 1 ? largest : magnitude;
  const inverse = f32x4.splat(<f32>1 / divisor);
  for (let j: usize = 0; j < groupSize << 2; j += 16) {
    const x = f32x4.mul(v128.load(src + j), inverse);
    v128.store(scratch + j, v128.and(x, f32x4.eq(x, x)), X);
  }
  return divisor;
}

// The importance of the group over its largest value, which is returned; 0 when that says nothing.
function loadImportance(prepared: usize, scratch: usize, importance: usize, groupSize: usize): f32 {
  let highs = f32x4.splat(0);
  for (let j: usize = 0; j < groupSize << 2; j += 16) highs = f32x4.pmax(highs, v128.load(importance + j));
  const largest = greatestLane(highs);
  if (!(largest >= SMALLEST_GROUP && largest < Infinity)) return 0;
  const inverse = f32x4.splat(<f32>1 / largest), full = f32x4.splat(255);
  const isPair = word(prepared, DIMENSION) == 2, one = i32x4.splat(1);
  for (let j: usize = 0; j < groupSize; j += 4) {
    const v = f32x4.mul(v128.load(importance + (j << 2)), inverse);
    v128.store(scratch + (j << 2), v, ERROR_WEIGHTS);
    const fixed = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v, full)));
    if (isPair) {
      const both = i32x4.shr_s(i32x4.add(i32x4.add(fixed, v128.shuffle<i32>(fixed, fixed, 1, 0, 3, 2)), one), 1);
      store<u8>(scratch + (j >> 1), i32x4.extract_lane(both, 0), CODE_WEIGHTS);
      store<u8>(scratch + (j >> 1), i32x4.extract_lane(both, 2), CODE_WEIGHTS + 1);
    } else {
      const words = i16x8.narrow_i32x4_s(fixed, fixed);
      v128.store32_lane(scratch + j, i8x16.narrow_i16x8_u(words, words), 0, CODE_WEIGHTS);
    }
  }
  return largest;
}

// Refines a winner, trial << 8 | table, and takes it when its error is below `least`; returns the lesser of both.
// @ts-ignore: decorator
@inline
function refine(
  prepared: usize, scratch: usize, groupSize: usize, winner: i32, divisor: f32, isWeighted: bool, least: f32,
): f32 {
  const isPair = word(prepared, DIMENSION) == 2, hasLevels = word(prepared, WITHOUT_LEVELS) == 0;
  const table = winner & 255;
  const trialScale = load<f32>(prepared + TRIAL_SCALES + (<usize>(winner >> 8) << 2));
  const roughScale = isPair ? trialScale * 64 : trialScale;
  toUnits(scratch, groupSize, roughScale);
  if (isPair) assignCodes(prepared, scratch, table);
  else assignRoughly(prepared, scratch, table);
  let scale = (divisor * leastSquares(scratch, groupSize, isWeighted)) / roughScale;
  if (!(abs(scale) > 0 && abs(scale) < Infinity)) scale = divisor / trialScale;
  let level: i32 = 0;
  let used = scale;
  if (hasLevels) {
    level = nearestLevel(prepared, scale);
    used = load<f32>(prepared + <usize>word(prepared, LEVELS) + (<usize>level << 2));
  }
  const perUnit = used / divisor;
  if (!(perUnit != 0)) return least;
  toUnits(scratch, groupSize, <f32>64 / perUnit);
  assignCodes(prepared, scratch, table);
  const error = squaredError(scratch, groupSize, isWeighted) * (perUnit * perUnit);
  if (!(error < least)) return least;
  store<i32>(scratch, level, LEVEL);
  store<i32>(scratch, table, TABLE);
  store<f32>(scratch, used, SCALE);
  store<f32>(scratch, error * (divisor * divisor), ERROR);
  v128.store(scratch, v128.load(scratch, CODES), BEST_CODES);
  v128.store(scratch, v128.load(scratch, CODES + 16), BEST_CODES + 16);
  if (groupSize == 64) {
    v128.store(scratch, v128.load(scratch, CODES + 32), BEST_CODES + 32);
    v128.store(scratch, v128.load(scratch, CODES + 48), BEST_CODES + 48);
  }
  return error;
}
