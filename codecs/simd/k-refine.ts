// Signed scales by moving one code at a time, sixteen groups of sixteen in four vectors: twin of refineSignedScale in
// ../k-search.ts. Each step waits for the one before, a division included; four vectors in turn fill the waiting.
import { nearestCode, X } from "./k-scale-min";

/** Distance from one vector of groups to the next in each array; the order of the groups is `loadGroups`'s. */
const SET: usize = 256;
const WX: usize = memory.data(1024, 16);
/** Levels, code - range, as f32. */
export const LEVELS: usize = memory.data(1024, 16);
/** Per set: sum of w * x * l, sum of w * l * l, mask of active groups, mask of groups changed in this round. */
const STATE: usize = memory.data(256, 16);

const SMALLEST_GROUP: f32 = 1e-15;

/**
 * Refines the sixteen groups in X (sets of four groups: 256 bytes each) and leaves their levels in LEVELS.
 * @param scales receives the scale of each group, set after set
 * @param actives receives a mask for each group, 0 for groups of zeros
 */
export function refineSignedScales(range: i32, scales: usize, actives: usize): void {
  for (let set: usize = 0; set < 4; set++) begin(set, range);
  for (let round = 0; round < 5; round++) {
    // A group without a change in one round has none in the next: it may go on with the others.
    for (let set: usize = 0; set < 256; set += 64) v128.store(STATE + set, f32x4.splat(0), 48);
    for (let at: usize = 0; at < SET; at += 16) {
      step(0, at, range);
      step(1, at, range);
      step(2, at, range);
      step(3, at, range);
    }
    const changed01 = v128.or(v128.load(STATE, 48), v128.load(STATE, 112));
    const changed23 = v128.or(v128.load(STATE, 176), v128.load(STATE, 240));
    if (!v128.any_true(v128.or(changed01, changed23))) break;
  }
  for (let set: usize = 0; set < 4; set++) {
    const sumLX = v128.load(STATE + (set << 6)), sumL2 = v128.load(STATE + (set << 6), 16);
    const isActive = v128.load(STATE + (set << 6), 32);
    const isSum = v128.and(f32x4.gt(sumL2, f32x4.splat(0)), isActive);
    v128.store(scales + (set << 4), v128.and(f32x4.div(sumLX, sumL2), isSum));
    v128.store(actives + (set << 4), isActive);
  }
}

/** The first codes and sums of one set. */
function begin(set: usize, range: i32): void {
  const xs = X + set * SET, wxs = WX + set * SET, levels = LEVELS + set * SET, state = STATE + (set << 6);
  const zero = f32x4.splat(0);
  let largest = zero, extreme = zero;
  for (let at: usize = 0; at < SET; at += 16) {
    const x = v128.load(xs + at), magnitude = f32x4.abs(x);
    extreme = v128.bitselect(x, extreme, f32x4.gt(magnitude, largest));
    largest = f32x4.pmax(largest, magnitude);
  }
  const isActive = v128.not(f32x4.lt(largest, f32x4.splat(SMALLEST_GROUP)));
  const inverse = v128.and(f32x4.div(f32x4.splat(<f32>-range), extreme), isActive);
  let sumLX = zero, sumL2 = zero;
  for (let at: usize = 0; at < SET; at += 16) {
    const x = v128.load(xs + at), w = f32x4.mul(x, x), wx = f32x4.mul(w, x);
    const l = f32x4.convert_i32x4_s(nearestCode(f32x4.mul(inverse, x), -range, range - 1));
    v128.store(wxs + at, wx);
    v128.store(levels + at, l);
    sumLX = f32x4.add(sumLX, f32x4.mul(wx, l));
    sumL2 = f32x4.add(sumL2, f32x4.mul(f32x4.mul(w, l), l));
  }
  v128.store(state, sumLX);
  v128.store(state, sumL2, 16);
  v128.store(state, isActive, 32);
}

/** Moves one code of each group of a set, if the error gains by it. */
// @ts-ignore: decorator
@inline
function step(set: usize, at: usize, range: i32): void {
  const state = STATE + (set << 6), levelAt = LEVELS + set * SET + at;
  const x = v128.load(X + set * SET + at), wx = v128.load(WX + set * SET + at), l = v128.load(levelAt);
  const sumLX = v128.load(state), sumL2 = v128.load(state, 16);
  const w = f32x4.mul(x, x);
  const restLX = f32x4.sub(sumLX, f32x4.mul(wx, l)), restL2 = f32x4.sub(sumL2, f32x4.mul(f32x4.mul(w, l), l));
  const newL = f32x4.convert_i32x4_s(nearestCode(f32x4.div(f32x4.mul(x, restL2), restLX), -range, range - 1));
  const newLX = f32x4.add(restLX, f32x4.mul(wx, newL));
  const newL2 = f32x4.add(restL2, f32x4.mul(f32x4.mul(w, newL), newL));
  const gain = f32x4.mul(f32x4.mul(newLX, newLX), sumL2), loss = f32x4.mul(f32x4.mul(sumLX, sumLX), newL2);
  const zero = f32x4.splat(0);
  const isPossible = v128.and(v128.and(f32x4.gt(restLX, zero), f32x4.gt(newL2, zero)), f32x4.ne(newL, l));
  const isBetter = v128.and(isPossible, f32x4.gt(gain, loss));
  v128.store(levelAt, v128.bitselect(newL, l, isBetter));
  v128.store(state, v128.bitselect(newLX, sumLX, isBetter));
  v128.store(state, v128.bitselect(newL2, sumL2, isBetter), 16);
  v128.store(state, v128.or(v128.load(state, 48), isBetter), 48);
}
