/** The activations of a group of rows (tokens), on memory that all threads share. */
import type { Hyperparameters } from "./hyperparameters.ts";
import type { ActivationKind } from "../kernels/integer-view.ts";
import { expandedRowBytes } from "../kernels/kernel-numbers.ts";
import type { ModelWeights } from "./weights.ts";

export interface PassBuffers {
  /** Rows there is room for. */
  readonly rows: number;
  /** The hidden states, `width` floats a row. */
  readonly state: Float32Array;
  /** Input of the projections: normed states. */
  readonly normed: Float32Array;
  readonly queries: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly attended: Float32Array;
  /** What a block adds to the states, where a norm comes in between. */
  readonly added: Float32Array;
  /** Inside the feed-forward layer: of each row, or of each row and expert. */
  readonly inner: Float32Array;
  /** 8-bit forms of whatever is multiplied next. */
  readonly quantized: Readonly<Record<ActivationKind, Uint8Array>>;
  /** With experts only: scores, the chosen ones with their weights, rows by expert, outputs. */
  readonly routerScores: Float32Array;
  readonly chosen: Int32Array;
  readonly chosenWeights: Float32Array;
  readonly expertStarts: Int32Array;
  readonly expertRows: Uint32Array;
  readonly expertOutputs: Float32Array;
}

/** Elements of a row of each buffer. */
function rowLengths(hyper: Hyperparameters, weights: ModelWeights) {
  const { width, keyLength, valueLength, heads, keyHeads, expertsUsed } = hyper;
  const most = (counts: readonly number[]): number => counts.reduce((max, count) => Math.max(max, count), 0);
  const feeds = weights.layers.map(({ feedForward }) => feedForward);
  const inner = most(feeds.map(({ up, router }) => up.matrix.rows * (router === undefined ? 1 : expertsUsed)));
  const experts = most(feeds.map(({ router }) => router?.matrix.rows ?? 0));
  const attended = most(heads) * valueLength;
  const columns = most(feeds.map(({ up }) => up.matrix.rows));
  return {
    state: width,
    normed: width,
    queries: most(heads) * keyLength,
    keys: most(keyHeads) * keyLength,
    values: most(keyHeads) * valueLength,
    attended,
    added: width,
    inner,
    experts,
    slots: experts === 0 ? 0 : expertsUsed,
    /** Longest rows to be quantized, and how many of the inner ones a row has. */
    quantized: Math.max(width, attended, inner === 0 ? 0 : columns * Math.max(1, experts === 0 ? 1 : expertsUsed)),
  };
}

/** What buffers are made for: 8-bit activations take a quarter of them, and float arithmetic none. */
export type BufferUse = "any arithmetic" | "float";

/** Shared memory for so many rows, in bytes. */
export function passBytes(
  hyper: Hyperparameters,
  weights: ModelWeights,
  rows: number,
  use: BufferUse = "any arithmetic",
): number {
  const n = rowLengths(hyper, weights);
  const floats = 2 * n.state + n.queries + n.keys + n.values + n.attended + n.added + n.inner;
  const experts = n.experts + 3 * n.slots + n.slots * n.state;
  const quantized = use === "float" ? 0 : 2 * quantizedBytes(n.quantized);
  return rows * (4 * (floats + experts) + quantized) + 4 * (n.experts + 1);
}

/** The same of a companion's own buffers. */
export function companionBytes(hyper: Hyperparameters, weights: ModelWeights, rows: number): number {
  const n = rowLengths(hyper, weights);
  return rows * 4 * (2 * n.state + n.attended + n.inner + 2 * n.slots) + 4 * (n.experts + 1);
}

/** Elements that a pass goes on with at a stop (`PassInput.kept`), at most. */
export function keptElements(hyper: Hyperparameters, weights: ModelWeights, rows: number): number {
  const n = rowLengths(hyper, weights);
  const input = Math.max(n.normed, n.attended + (hyper.rules.isParallel ? n.normed : 0), n.inner);
  return rows * (n.state + input + 2 * n.slots) + n.experts + 1;
}

/** Enough for either kind, also when the row is many short ones. */
function quantizedBytes(columns: number): number {
  return Math.ceil((expandedRowBytes(columns, false) + columns / 16) / 64) * 64;
}

const floats = (count: number): Float32Array => new Float32Array(new SharedArrayBuffer(count * 4));

const integers = (count: number): Int32Array => new Int32Array(new SharedArrayBuffer(count * 4));

/** Allocates the buffers. */
export function makeBuffers(
  hyper: Hyperparameters,
  weights: ModelWeights,
  rows: number,
  use: BufferUse = "any arithmetic",
): PassBuffers {
  const n = rowLengths(hyper, weights);
  const quantized = (): Uint8Array =>
    new Uint8Array(new SharedArrayBuffer(use === "float" ? 0 : rows * quantizedBytes(n.quantized)));
  return {
    rows,
    state: floats(rows * n.state),
    normed: floats(rows * n.normed),
    queries: floats(rows * n.queries),
    keys: floats(rows * n.keys),
    values: floats(rows * n.values),
    attended: floats(rows * n.attended),
    added: floats(rows * n.added),
    inner: floats(rows * n.inner),
    quantized: { q8_0: quantized(), q8_K: quantized() },
    routerScores: floats(rows * n.experts),
    chosen: integers(rows * n.slots),
    chosenWeights: floats(rows * n.slots),
    expertStarts: integers(n.experts + 1),
    expertRows: new Uint32Array(new SharedArrayBuffer(rows * n.slots * 4)),
    expertOutputs: floats(rows * n.slots * n.state),
  };
}

/**
 * Buffers of a second pass, through a model of the same shapes, that waits at every stop where the first one waits: its
 * own for what passes go on with, those of the first for all else.
 */
export function makeCompanion(first: PassBuffers): PassBuffers {
  const { state, normed, attended, inner, chosenWeights, expertStarts, expertRows } = first;
  return {
    ...first,
    state: floats(state.length),
    normed: floats(normed.length),
    attended: floats(attended.length),
    inner: floats(inner.length),
    chosenWeights: floats(chosenWeights.length),
    expertStarts: integers(expertStarts.length),
    expertRows: new Uint32Array(new SharedArrayBuffer(expertRows.byteLength)),
  };
}
