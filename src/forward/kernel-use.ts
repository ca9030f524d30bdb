/** Which products of a model are taken by integer kernels on 8-bit activations, and which in f32. */
import type { ActivationKind } from "../kernels/integer-view.ts";
import { activationKind, type Arithmetic } from "./projections.ts";
import { matricesOf, type ModelWeights } from "./weights.ts";

/** Matrices of one encoding, and how they are multiplied. */
export interface KernelUse {
  readonly codec: string;
  readonly layout: string;
  /** What the activations become: 8-bit blocks for an integer kernel, or nothing else than f32. */
  readonly activations: ActivationKind | "f32";
  readonly matrices: number;
  readonly weights: number;
}

/** The products of a model by encoding, in the order of the tensors' first use. */
export function kernelsUsed(weights: ModelWeights, arithmetic: Arithmetic): KernelUse[] {
  const [, ...multiplied] = matricesOf(weights);
  const uses = new Map<string, KernelUse>();
  for (const { tensor, rows, columns, slices } of multiplied) {
    const { codec, layout } = tensor;
    const activations = activationKind(codec, columns, arithmetic) ?? "f32";
    const key = `${codec}@${layout}/${activations}`;
    const before = uses.get(key) ?? { codec, layout, activations, matrices: 0, weights: 0 };
    const weightCount = before.weights + rows * columns * slices;
    uses.set(key, { ...before, matrices: before.matrices + 1, weights: weightCount });
  }
  return [...uses.values()];
}
