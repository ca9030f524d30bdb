/** How much there is to multiply: what times are estimated from, and what progress is counted in. */
import type { Hyperparameters } from "./hyperparameters.ts";
import { layerInputs, type Matrix, type ModelWeights } from "./weights.ts";

/** Weights that a token is multiplied with. */
export interface PassWork {
  /** In each layer: of experts only those that are used. */
  readonly layers: readonly number[];
  /** For a row of logits. */
  readonly output: number;
}

export function passWork({ expertsUsed }: Hyperparameters, { layers, output }: ModelWeights): PassWork {
  const ofMatrix = ({ rows, columns, slices }: Matrix): number => rows * columns * (slices > 1 ? expertsUsed : 1);
  return {
    layers: layers.map((layer) =>
      layerInputs(layer)
        .flat()
        .reduce((sum, matrix) => sum + ofMatrix(matrix), 0),
    ),
    output: ofMatrix(output.matrix),
  };
}

/** Of all layers. */
export function layersWork({ layers }: PassWork): number {
  return layers.reduce((sum, work) => sum + work, 0);
}
