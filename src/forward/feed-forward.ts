/** The feed-forward half of a layer: down(activation(gate x) * up x), of all tokens or of each token's experts. */
import { chooseExperts, expertRowsOf, sumExperts } from "./experts.ts";
import type { ActivationRows } from "./numerics/numerics.ts";
import type { PassContext, PassSteps } from "./pass.types.ts";
import { multiplyAll, quantizeRows, type Multiplication } from "./projections.ts";
import type { RowSteps } from "./row-steps.ts";
import { storedMatrices, type FeedForward, type LayerWeights, type Projection } from "./weights.ts";

/**
 * @returns adds a layer's feed-forward half to the first `rows` states; `given` is its input where it is not the normed
 * states
 */
export function makeFeedForward({ bench, hyper, buffers }: PassContext, steps: RowSteps) {
  const { team } = bench;
  const { vectorOf, eachRow, rowsFor, projected, statesOf, addToStates, normStates, addProjected } = steps;

  function* withExperts(
    layer: LayerWeights,
    { router, gate, up, down }: FeedForward,
    input: ActivationRows,
    rows: number,
  ): PassSteps {
    const { expertsUsed: slots, width } = hyper;
    const experts = router!.matrix.rows;
    const kept = [statesOf(rows), input.floats.subarray(0, rows * width)];
    yield { matrices: [router!.matrix], activations: input, rows, kept };
    multiplyAll(bench, [projected(router!, input, rows, buffers.routerScores)]);
    eachRow(rows, (first, count) => chooseExperts(buffers, hyper, experts, first, count));
    team.once(() => expertRowsOf(buffers, experts, slots, rows));
    const { expertStarts, expertRows } = buffers;
    /** Row times slots plus slot, for every use of an expert; the row itself is that by `slots`. */
    const usesOf = (slice: number): Uint32Array => expertRows.subarray(expertStarts[slice], expertStarts[slice + 1]);
    const slices = Array.from({ length: experts }, (_, slice) => slice);
    const inner = up.matrix.rows;
    // Inputs are one row a token: repeated for each slot they would be many times larger, so rows are looked up.
    const tokensOf = (slice: number): Uint32Array => usesOf(slice).map((use) => Math.floor(use / slots));
    const chosen = [
      buffers.chosenWeights.subarray(0, rows * slots),
      expertStarts,
      expertRows.subarray(0, rows * slots),
    ];
    yield {
      matrices: [gate!.matrix, up.matrix],
      activations: input,
      rows,
      rowsOf: tokensOf,
      kept: [...kept, ...chosen],
    };
    const activation = hyper.rules.activation ?? "silu";
    const expert = (
      { matrix, bias }: Projection,
      slice: number,
      from: ActivationRows,
      uses: Uint32Array,
      out: Float32Array,
    ): Multiplication => ({
      matrix,
      slice,
      input: from,
      rows: uses,
      out,
      outStride: matrix.rows,
      ...(bias && { bias: vectorOf(bias).subarray(slice * matrix.rows, (slice + 1) * matrix.rows) }),
    });
    multiplyAll(
      bench,
      slices.map((slice) => {
        const tokens = tokensOf(slice);
        const by = expert(up, slice, input, tokens, buffers.inner);
        return {
          ...expert(gate!, slice, input, tokens, buffers.inner),
          outRows: usesOf(slice),
          gated: { by, activation },
        };
      }),
    );
    const innerRows = rowsFor(buffers.inner, inner, [down.matrix]);
    eachRow(rows * slots, (first, count) => quantizeRows(bench, innerRows, first, count));
    yield {
      matrices: [down.matrix],
      activations: innerRows,
      rows: rows * slots,
      rowsOf: usesOf,
      kept: [statesOf(rows), buffers.inner.subarray(0, rows * slots * inner), ...chosen],
    };
    multiplyAll(
      bench,
      slices.map((slice) => expert(down, slice, innerRows, usesOf(slice), buffers.expertOutputs)),
    );
    const norm = layer.postFeedForwardNorm;
    eachRow(rows, (first, count) =>
      sumExperts(buffers, width, slots, first, count, norm === undefined ? hyper.residualScale : undefined),
    );
    if (norm !== undefined) addToStates(norm, rows);
  }

  return function* (layer: LayerWeights, given: ActivationRows | undefined, rows: number): PassSteps {
    const { gate, up, down, router } = layer.feedForward;
    const matrices = storedMatrices([gate, up]);
    const input = given ?? normStates(layer.feedForwardNorm, rows, storedMatrices([router, gate, up]));
    if (router !== undefined) {
      yield* withExperts(layer, layer.feedForward, input, rows);
      return;
    }
    yield { matrices, activations: input, rows, kept: [statesOf(rows), input.floats.subarray(0, rows * hyper.width)] };
    const activation = hyper.rules.activation ?? "silu";
    const by = projected(up, input, rows, buffers.inner);
    const gated = gate && { ...projected(gate, input, rows, buffers.inner), gated: { by, activation } };
    multiplyAll(bench, [gated ?? { ...by, activation }]);
    yield* addProjected(down, buffers.inner, rows, layer.postFeedForwardNorm);
  };
}
