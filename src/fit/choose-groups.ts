/**
 * Which groups of a sample the fit works on. Error is in proportion to energy, so a few groups of large energy matter
 * more than many of small: groups are drawn with a chance in proportion to their energy, and each is scaled so that it
 * weighs as much as those it stands for (all have the same energy then; a table fits a scaled group as well as it fits
 * the group). Heavy tails are learned from as many groups as light ones that way. The draw is systematic: equal steps
 * through the sum of energies. No chance is involved.
 */
import type { CodebookFormat } from "../../codecs/codec.ts";
import type { Sample } from "./group-choices.ts";

export interface ChosenGroups {
  /** Whole groups, in an order whose every beginning is spread evenly over the sample. */
  readonly sample: Sample;
  /** What the weights of each group were multiplied by. */
  readonly factors: Float64Array;
}

/** At most `limit` groups of a sample; all of them, as they are, when there are no more. */
export function chooseGroups({ blockSize }: CodebookFormat, all: Sample, limit: number): ChosenGroups {
  const groups = all.weights.length / blockSize;
  const energies = groups > limit ? groupEnergies(all, blockSize) : undefined;
  let total = 0;
  for (const energy of energies ?? []) total += energy;
  const count = total > 0 && total < Infinity ? limit : groups;
  const sources = new Uint32Array(count);
  const factors = new Float64Array(count).fill(1);
  if (count === groups) {
    for (let i = 0; i < count; i++) sources[i] = i;
  } else {
    const step = total / count;
    let passed = 0;
    let found = 0;
    for (let group = 0; group < groups; group++) {
      passed += energies![group]!;
      for (; found < count && passed >= (found + 0.5) * step; found++) {
        sources[found] = group;
        factors[found] = Math.sqrt(step / energies![group]!);
      }
    }
  }
  const order = spreadOrder(count);
  const spread = new Uint32Array(count);
  const scales = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    spread[i] = sources[order[i]!]!;
    scales[i] = factors[order[i]!]!;
  }
  const weights = pickGroups(all.weights, blockSize, spread, scales);
  const importance = all.importance && pickGroups(all.importance, blockSize, spread);
  return { sample: { weights, importance }, factors: scales };
}

function pickGroups(
  values: Float32Array,
  blockSize: number,
  groups: Uint32Array,
  factors?: Float64Array,
): Float32Array {
  const picked = new Float32Array(groups.length * blockSize);
  for (let i = 0; i < groups.length; i++) {
    const from = groups[i]! * blockSize;
    const to = i * blockSize;
    const factor = factors === undefined ? 1 : factors[i]!;
    for (let j = 0; j < blockSize; j++) picked[to + j] = values[from + j]! * factor;
  }
  return picked;
}

function groupEnergies({ weights, importance }: Sample, blockSize: number): Float64Array {
  const energies = new Float64Array(weights.length / blockSize);
  for (let group = 0; group < energies.length; group++) {
    let energy = 0;
    for (let at = group * blockSize; at < (group + 1) * blockSize; at++) {
      energy += (importance === undefined ? 1 : importance[at]!) * weights[at]! * weights[at]!;
    }
    energies[group] = energy;
  }
  return energies;
}

/** 0 to count - 1 in steps of the golden ratio. */
function spreadOrder(count: number): Uint32Array {
  let step = Math.max(1, Math.round(count * 0.6180339887498949));
  while (greatestCommonDivisor(step, count) !== 1) step++;
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = (i * step) % count;
  return order;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
