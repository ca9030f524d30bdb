// The search for one group: see codebook-encode.ts, step by step.
import {
  BEST_CODES, CODES, DIMENSION, ERROR, FREE_LEVELS, GROUP_SIZE, LEVEL, LEVELS, MIRRORED, REFINED, SCALE, SCRATCH, TABLE,
  TRIAL_SCALE, TRIALS, V, V8, WINNERS, word, X, ZERO_BLOCK, ZERO_LEVEL,
} from "./codebook-image";
import { assignCodes, assignRoughly, leastSquares, nearestLevel, squaredError, squaredUnits, toUnits } from "./codebook-refine";
import { clearWinners, findRows, sumRows, sumWeightedRows, takeWinner } from "./codebook-rows";

const TINY: f32 = 7.888609052210118e-31; // 2^-100

// @ts-ignore: decorator
@inline
function greatestLane(v: v128): f32 {
  const half = f32x4.pmax(v, v128.shuffle<i32>(v, v, 2, 3, 2, 3));
  return max(f32x4.extract_lane(half, 0), f32x4.extract_lane(half, 1));
}

function takeZero(image: usize, scratch: usize): void {
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

// The importance of the group over its largest, as f32 and in 8 bits; returns the largest, 0 when it says nothing.
function scaleImportance(image: usize, scratch: usize, importance: usize, groupSize: usize): f32 {
  let mosts = f32x4.splat(0);
  for (let j: usize = 0; j < groupSize << 2; j += 16) mosts = f32x4.pmax(mosts, v128.load(importance + j));
  const most = greatestLane(mosts);
  if (!(most >= TINY && most < Infinity)) return 0;
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
  return most;
}

/** Leaves level, table, scale, error and codes of one group in the scratch. */
export function searchGroup(image: usize, src: usize, importance: usize): void {
  const scratch = image + <usize>word(image, SCRATCH);
  const groupSize = <usize>word(image, GROUP_SIZE);
  let lows = f32x4.splat(0), highs = lows;
  for (let j: usize = 0; j < groupSize << 2; j += 16) {
    const w = v128.load(src + j);
    lows = f32x4.pmin(lows, w);
    highs = f32x4.pmax(highs, w);
  }
  const low = -greatestLane(f32x4.neg(lows)), high = greatestLane(highs);
  const largest = high < -low ? low : high;
  const magnitude = abs(largest);
  const m = word(image, MIRRORED) == 1 ? largest : magnitude;
  if (!(magnitude >= TINY && magnitude < Infinity)) {
    takeZero(image, scratch);
    return;
  }
  const inverse = f32x4.splat(<f32>1 / m);
  for (let j: usize = 0; j < groupSize << 2; j += 16) {
    const x = f32x4.mul(v128.load(src + j), inverse);
    v128.store(scratch + j, v128.and(x, f32x4.eq(x, x)), X);
  }
  const most = importance == 0 ? <f32>0 : scaleImportance(image, scratch, importance, groupSize);
  const weighted = most > 0;
  const importanceUnit = weighted ? most : <f32>1;

  clearWinners(scratch);
  const trials = word(image, TRIALS);
  for (let trial: i32 = 0; trial < trials; trial++) {
    findRows(image, scratch, trial);
    if (weighted) sumWeightedRows(image, scratch, trial);
    else sumRows(image, scratch, trial);
  }
  const free = word(image, FREE_LEVELS) == 1;
  const isPair = word(image, DIMENSION) == 2;
  let least: f32 = Infinity;
  for (let turn = word(image, REFINED); turn > 0; turn--) {
    const lane = takeWinner(scratch);
    if (lane < 0) break;
    const winner = <i32>load<i16>(scratch + (<usize>lane << 1), WINNERS);
    const table = winner & 255;
    const trialScale = load<f32>(image + TRIAL_SCALE + (<usize>(winner >> 8) << 2));
    // Pairs are rounded to 1/64 entry, single weights to whole entries: here it is only for the scale.
    const roughScale = isPair ? trialScale * 64 : trialScale;
    toUnits(scratch, groupSize, roughScale);
    if (isPair) assignCodes(image, scratch, table);
    else assignRoughly(image, scratch, table);
    const factor = leastSquares(scratch, groupSize, weighted);
    let scale = (m * factor) / roughScale;
    if (!(abs(scale) > 0 && abs(scale) < Infinity)) scale = m / trialScale;
    let level: i32 = 0;
    let used = scale;
    if (!free) {
      level = nearestLevel(image, scale);
      used = load<f32>(image + <usize>word(image, LEVELS) + (<usize>level << 2));
    }
    const perUnit = used / m;
    if (!(perUnit != 0)) continue;
    toUnits(scratch, groupSize, <f32>64 / perUnit);
    assignCodes(image, scratch, table);
    const error = squaredError(scratch, groupSize, weighted) * (perUnit * perUnit);
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
  if (least == Infinity) {
    takeZero(image, scratch);
  } else if (word(image, ZERO_LEVEL) >= 0 && !free && (weighted || least > 4096)) {
    // Without importance the largest weight alone is worth 64 * 64.
    toUnits(scratch, groupSize, 64);
    if (!(least <= squaredUnits(scratch, groupSize, weighted))) takeZero(image, scratch);
  }
}
