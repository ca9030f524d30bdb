/** How an evaluation fits into memory. */
import { codedRowLength } from "../forward/numerics/logits.ts";
import { LAYER_SUMS } from "../forward/programs/evaluate.ts";
import { scoredPositions, TOKEN_STATS } from "../forward/programs/score.ts";
import { planPasses, type PassesPlan, type PassShape } from "./plan-passes.ts";

/** Bytes of a token, as it goes in and as it is scored. */
const TOKEN_BYTES = 12;

/**
 * @param models one, or an original and the model under test
 * @throws QuantizeError `no-room` when not even one window at a time fits
 */
export function planEvaluation(
  models: readonly PassShape[],
  windows: { readonly context: number; readonly count: number },
  options: { readonly threads: number; readonly maxMemory?: number; readonly hasBase: boolean },
): PassesPlan {
  const { threads, maxMemory, hasBase } = options;
  const { context, count } = windows;
  const logitRows = count * scoredPositions(context).count;
  const vocabulary = Math.max(...models.map(({ weights }) => weights.vocabulary));
  return planPasses(models, windows, {
    threads,
    ...(maxMemory !== undefined && { maxMemory }),
    alwaysBytes: count * context * TOKEN_BYTES + logitRows * TOKEN_STATS * 8,
    rowBytes: LAYER_SUMS * 8,
    logitRows,
    logitRowBytes: vocabulary * 4 + (hasBase ? codedRowLength(vocabulary) * 2 : 0),
  });
}
