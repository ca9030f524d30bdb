/**
 * The forward pass, layer by layer, as one member of a team sees it. All members call the same functions in the same
 * order; activations lie in buffers that they share.
 */
import { QuantizeError } from "../errors.ts";
import { makeAttention } from "./attention.ts";
import { makeFeedForward } from "./feed-forward.ts";
import type { ActivationRows } from "./numerics/numerics.ts";
import { tanhF32 } from "./numerics/row-functions.ts";
import type { Pass, PassContext, PassSteps, Sequence } from "./pass.types.ts";
import { matrixForm, multiplyAll, quantizeRows, readMatrixRows } from "./projections.ts";
import { makeRowSteps } from "./row-steps.ts";
import type { Matrix } from "./weights.ts";

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

  /** One row of a matrix as f32, until the next one. */
  const decodedRow = (matrix: Matrix, row: number): Float32Array => {
    if (row >= matrix.rows) {
      const place = `${bench.files[0]!.path}: tensor ${matrix.tensor.name}`;
      throw new QuantizeError("usage", `${place}: expected positions below ${matrix.rows}, found ${row}`);
    }
    const form = matrixForm(matrix, 0, "float");
    const { rowsPerGroup } = form.layout;
    const start = row - (row % rowsPerGroup);
    const read = (bytes: Uint8Array): void => readMatrixRows(bench, matrix, 0, start, start + rowsPerGroup, bytes);
    const at = (row - start) * matrix.columns;
    return numerics.decodeRows(form, rowsPerGroup, read).subarray(at, at + matrix.columns);
  };

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
    embed(tokens, sequences) {
      const { embedding, positions } = weights;
      const { width, embeddingScale } = hyper;
      const scale = fround(embeddingScale);
      const positionOf = rowPositions(sequences);
      eachRow(tokens.length, (first, count) => {
        for (let row = first; row < first + count; row++) {
          const state = buffers.state.subarray(row * width, (row + 1) * width);
          const values = decodedRow(embedding, tokens[row]!);
          if (scale === 1) state.set(values);
          else for (let i = 0; i < width; i++) state[i] = fround(values[i]! * scale);
          if (positions === undefined) continue;
          const added = decodedRow(positions, positionOf[row]!);
          for (let i = 0; i < width; i++) state[i] = fround(state[i]! + added[i]!);
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

/** The position of every row. */
function rowPositions(sequences: readonly Sequence[]): number[] {
  const positions: number[] = [];
  for (const { row, count, position } of sequences) {
    for (let n = 0; n < count; n++) positions[row + n] = position + n;
  }
  return positions;
}

/** Carries out all steps. */
function finish(steps: PassSteps): void {
  while (steps.next().done !== true);
}
