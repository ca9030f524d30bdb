/** How much there is to multiply: what times are estimated from, and what progress is counted in. */
import type { Hyperparameters } from "./hyperparameters.ts";
import type { Matrix, ModelWeights, Projection } from "./weights.ts";

/** Weights that a token is multiplied with. */
export interface PassWork {
  /** In each layer: of experts only those that are used. */
  readonly layers: readonly number[];
  /** For a row of logits. */
  readonly output: number;
}

export function passWork({ expertsUsed }: Hyperparameters, { layers, output }: ModelWeights): PassWork {
  const ofMatrix = ({ rows, columns, slices }: Matrix): number => rows * columns * (slices > 1 ? expertsUsed : 1);
  const sum = (projections: readonly (Projection | undefined)[]): number =>
    projections.reduce((total, projection) => total + (projection === undefined ? 0 : ofMatrix(projection.matrix)), 0);
  return {
    layers: layers.map(({ query, key, value, attentionOutput, feedForward }) => {
      const { gate, up, down, router } = feedForward;
      return sum([query, key, value, attentionOutput, gate, up, down, router]);
    }),
    output: ofMatrix(output.matrix),
  };
}

/** Of all layers. */
export function layersWork({ layers }: PassWork): number {
  return layers.reduce((sum, work) => sum + work, 0);
}
