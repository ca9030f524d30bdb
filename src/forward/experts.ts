/** Mixtures of experts: which experts a token goes through, and what comes of their outputs. */
import type { PassBuffers } from "./buffers.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { sigmoid, softmax } from "./numerics/row-functions.ts";

const { fround } = Math;

/** The least sum of chosen weights that they are divided by: the smallest normal half float, as in llama.cpp. */
const LEAST_SUM = fround(6.103515625e-5);

/**
 * Chooses the experts of some rows by their router's scores: the greatest (the first of equals), with weights as the
 * model's routing says.
 */
export function chooseExperts(
  buffers: PassBuffers,
  { routing, expertsUsed: slots, expertScale }: Hyperparameters,
  experts: number,
  first: number,
  count: number,
): void {
  const { routerScores, chosen, chosenWeights } = buffers;
  for (let row = first; row < first + count; row++) {
    const scores = routerScores.subarray(row * experts, (row + 1) * experts);
    if (routing.gating === "softmax") softmax(scores, experts);
    if (routing.gating === "sigmoid") for (let i = 0; i < experts; i++) scores[i] = sigmoid(scores[i]!);
    const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]! || a - b);
    const weights = Float32Array.from({ length: slots }, (_, slot) => scores[order[slot]!]!);
    if (routing.gating === "chosen") softmax(weights, slots);
    const divisor = routing.isNormalised
      ? Math.max(
          weights.reduce((sum, w) => fround(sum + w), 0),
          LEAST_SUM,
        )
      : 1;
    for (let slot = 0; slot < slots; slot++) {
      chosen[row * slots + slot] = order[slot]!;
      chosenWeights[row * slots + slot] = fround(fround(weights[slot]! / divisor) * fround(expertScale));
    }
  }
}

/** Lists the uses (row * slots + slot) of each expert, in the order of the rows. */
export function expertRowsOf(buffers: PassBuffers, experts: number, slots: number, rows: number): void {
  const { chosen, expertStarts, expertRows } = buffers;
  expertStarts.fill(0);
  for (let use = 0; use < rows * slots; use++) expertStarts[chosen[use]! + 1]!++;
  for (let expert = 0; expert < experts; expert++) expertStarts[expert + 1]! += expertStarts[expert]!;
  const next = Int32Array.from(expertStarts);
  for (let use = 0; use < rows * slots; use++) expertRows[next[chosen[use]!]!++] = use;
}

/**
 * Sums the outputs of each row's experts, weighted, in the order of the slots.
 * @param addScaled what the sum is multiplied with before it is added to the states; absent: it goes to `added`
 */
export function sumExperts(
  buffers: PassBuffers,
  width: number,
  slots: number,
  first: number,
  count: number,
  addScaled: number | undefined,
): void {
  const { chosenWeights, expertOutputs, state, added } = buffers;
  for (let row = first; row < first + count; row++) {
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let slot = 0; slot < slots; slot++) {
        const use = row * slots + slot;
        sum = fround(sum + fround(expertOutputs[use * width + i]! * chosenWeights[use]!));
      }
      const at = row * width + i;
      if (addScaled === undefined) added[at] = sum;
      else state[at] = fround(state[at]! + fround(sum * fround(addScaled)));
    }
  }
}
