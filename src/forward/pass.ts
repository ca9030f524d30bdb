/**
 * The forward pass, layer by layer, as one member of a team sees it. All members call the same functions in the same
 * order; activations lie in buffers that they share.
 */
import { makeAttention } from "./attention.ts";
import { makeFeedForward } from "./feed-forward.ts";
import type { ActivationRows } from "./numerics/numerics.ts";
import { tanhF32 } from "./numerics/row-functions.ts";
import type { Pass, PassContext, PassSteps, Sequence } from "./pass.types.ts";
import { matrixForm, multiplyAll, quantizeRows, readMatrixRows } from "./projections.ts";
import { makeRowSteps } from "./row-steps.ts";

const { fround } = Math;

export function makePass(context: PassContext): Pass {
  const { bench, hyper, weights, buffers } = context;
  const { numerics } = bench;
  const steps = makeRowSteps(context);
  const { vectorOf, eachRow, normed, rowsFor } = steps;
  const attention = makeAttention(context, steps);
  const feedForward = makeFeedForward(context, steps);

  function* layerSteps(index: number, sequences: readonly Sequence[]): PassSteps {
    const layer = weights.layers[index]!;
    const rows = sequences.reduce((sum, { count }) => sum + count, 0);
    const input = yield* attention(index, layer, sequences, rows);
    yield* feedForward(layer, hyper.rules.isParallel ? input : undefined, rows);
  }

  const outputInput = (rows: Uint32Array): ActivationRows => {
    const { width } = hyper;
    const input = rowsFor(buffers.normed, width, [weights.output.matrix]);
    eachRow(rows.length, (first, count) => {
      for (let n = first; n < first + count; n++) {
        const state = buffers.state.subarray(rows[n]! * width, (rows[n]! + 1) * width);
        normed(weights.outputNorm, state, buffers.normed.subarray(n * width, (n + 1) * width));
      }
      quantizeRows(bench, input, first, count);
    });
    return input;
  };

  return {
    embed(tokens) {
      const { embedding } = weights;
      const { width, embeddingScale } = hyper;
      const form = matrixForm(embedding, 0, "float");
      const { rowsPerGroup } = form.layout;
      const scale = fround(embeddingScale);
      eachRow(tokens.length, (first, count) => {
        for (let row = first; row < first + count; row++) {
          const token = tokens[row]!;
          const start = token - (token % rowsPerGroup);
          const read = (bytes: Uint8Array): void =>
            readMatrixRows(bench, embedding, 0, start, start + rowsPerGroup, bytes);
          const at = (token - start) * width;
          const values = numerics.decodeRows(form, rowsPerGroup, read).subarray(at, at + width);
          const state = buffers.state.subarray(row * width, (row + 1) * width);
          if (scale === 1) state.set(values);
          else for (let i = 0; i < width; i++) state[i] = fround(values[i]! * scale);
        }
      });
    },
    layer: (index, sequences) => finish(layerSteps(index, sequences)),
    layerSteps,
    outputInput,
    logits(rows, out) {
      const { matrix, bias } = weights.output;
      const { logitScale, logitSoftcap } = hyper;
      multiplyAll(bench, [
        {
          matrix,
          slice: 0,
          input: outputInput(rows),
          rows: { first: 0, count: rows.length },
          out,
          outStride: matrix.rows,
          ...(bias && { bias: vectorOf(bias) }),
        },
      ]);
      if (logitScale === 1 && logitSoftcap === undefined) return;
      eachRow(rows.length, (first, count) => {
        for (let i = first * matrix.rows; i < (first + count) * matrix.rows; i++) {
          const scaled = fround(out[i]! * fround(logitScale));
          const cap = fround(logitSoftcap ?? 1);
          out[i] = logitSoftcap === undefined ? scaled : fround(tanhF32(fround(scaled / cap)) * cap);
        }
      });
    },
  };
}

/** Carries out all steps. */
function finish(steps: PassSteps): void {
  while (steps.next().done !== true);
}
