/**
 * The forward pass, layer by layer, as one member of a team sees it. All members call the same functions in the same
 * order; activations lie in buffers that they share.
 */
import { makeAttention } from "./attention.ts";
import { makeFeedForward } from "./feed-forward.ts";
import type { ActivationRows } from "./numerics/numerics.ts";
import { tanhF32 } from "./numerics/row-functions.ts";
import type { Pass, PassContext } from "./pass.types.ts";
import { matrixForm, multiplyAll, quantizeRows, readMatrixRows } from "./projections.ts";
import { makeRowSteps } from "./row-steps.ts";

const { fround } = Math;

export function makePass(context: PassContext): Pass {
  const { bench, hyper, weights, buffers, observe } = context;
  const { numerics } = bench;
  const steps = makeRowSteps(context);
  const { vectorOf, eachRow, normed, rowsFor } = steps;
  const attention = makeAttention(context, steps);
  const feedForward = makeFeedForward(context, steps);

  const outputInput = (rows: Uint32Array): ActivationRows => {
    const { width } = hyper;
    const { matrix } = weights.output;
    const input = rowsFor(buffers.normed, width, [matrix]);
    eachRow(rows.length, (first, count) => {
      for (let n = first; n < first + count; n++) {
        const state = buffers.state.subarray(rows[n]! * width, (rows[n]! + 1) * width);
        normed(weights.outputNorm, state, buffers.normed.subarray(n * width, (n + 1) * width));
      }
      quantizeRows(bench, input, first, count);
    });
    observe?.({ matrices: [matrix], activations: input, rows: rows.length });
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
    layer(index, sequences) {
      const layer = weights.layers[index]!;
      const rows = sequences.reduce((sum, { count }) => sum + count, 0);
      const input = attention(index, layer, sequences, rows);
      feedForward(layer, hyper.rules.isParallel ? input : undefined, rows);
    },
    outputInput,
    logits(rows, out) {
      const { matrix, bias } = weights.output;
      const { logitScale, logitSoftcap } = hyper;
      const input = outputInput(rows);
      multiplyAll(bench, [
        {
          matrix,
          slice: 0,
          input,
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
