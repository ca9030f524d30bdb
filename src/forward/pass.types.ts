/** What a forward pass works with, and what it is to those who run one. */
import type { PassBuffers } from "./buffers.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import type { ActivationRows, HeadMemory } from "./numerics/numerics.ts";
import type { Workbench } from "./projections.ts";
import type { Matrix, ModelWeights } from "./weights.ts";

/** Tokens that see each other. */
export interface Sequence {
  /** First row in the buffers, and how many. */
  readonly row: number;
  readonly count: number;
  /** Position of the first. */
  readonly position: number;
}

/** What goes into matrices that are about to be multiplied. */
export interface PassInput {
  readonly matrices: readonly Matrix[];
  readonly activations: ActivationRows;
  /** Rows of `activations` that hold something. */
  readonly rows: number;
  /** True when the product is added to the states as it is. */
  readonly isAdded?: boolean;
  /** With experts: which rows each slice is multiplied with. */
  readonly rowsOf?: (slice: number) => Uint32Array;
  /**
   * What a pass in float arithmetic goes on with, parts of its buffers: whoever uses the buffers for something else in
   * between puts these back.
   */
  readonly kept: readonly BufferPart[];
}

/** Elements of a buffer, on shared memory. */
export type BufferPart = Float32Array | Int32Array | Uint32Array;

/** A part of a layer that stops before each product, for who wants to look at what goes in, or change the matrices. */
export type PassSteps<Result = void> = Generator<PassInput, Result>;

/** What a pass works with. */
export interface PassContext {
  readonly bench: Workbench;
  readonly hyper: Hyperparameters;
  readonly weights: ModelWeights;
  readonly buffers: PassBuffers;
  /** Most positions of a sequence. */
  readonly positions: number;
  /** Where a head's keys and values are: a memory for each, or one that is used again for every sequence. */
  readonly headMemory: (layer: number, head: number, sequence: number) => HeadMemory;
}

export interface Pass {
  /** Embeddings of tokens into the states, from row 0 on; `sequences` says at which positions they stand. */
  embed(tokens: Int32Array, sequences: readonly Sequence[]): void;
  /** All states through one layer. */
  layer(index: number, sequences: readonly Sequence[]): void;
  /** The same, stopping before each product. */
  layerSteps(index: number, sequences: readonly Sequence[]): PassSteps;
  /** The states that `rows` names, normed: what the output matrix is multiplied with. */
  outputInput(rows: Uint32Array): ActivationRows;
  /**
   * Logits of the states that `rows` names.
   * @param out `rows.length * vocabulary` floats
   */
  logits(rows: Uint32Array, out: Float32Array): void;
}
