/**
 * The forward pass, layer by layer, as one member of a team sees it. All members call the same functions in the same
 * order; activations lie in buffers that they share.
 */
import { findFormat } from "../../codecs/registry.ts";
import type { Tensor } from "../read/model.ts";
import { elementCount } from "../read/model.ts";
import type { PassBuffers } from "./buffers.ts";
import { chooseExperts, expertRowsOf, sumExperts } from "./experts.ts";
import type { Hyperparameters } from "./hyperparameters.ts";
import { layerNorm, rmsNorm, tanhF32 } from "./numerics/row-functions.ts";
import type { ActivationRows, HeadMemory, ScoreRule } from "./numerics/numerics.ts";
import { scalarNumerics } from "./numerics/scalar-numerics.ts";
import { ropeTable, turnHeads } from "./numerics/rope.ts";
import {
  activationKind,
  matrixForm,
  multiplyAll,
  quantizeRows,
  readMatrixRows,
  type Multiplication,
  type Workbench,
} from "./projections.ts";
import type { FeedForward, LayerWeights, Matrix, ModelWeights, Norm, Projection } from "./weights.ts";

const { fround } = Math;

/** Rows that a member takes at a time in steps that go row by row. */
const ROWS_PER_PART = 32;

/** Tokens that see each other. */
export interface Sequence {
  /** First row in the buffers, and how many. */
  readonly row: number;
  readonly count: number;
  /** Position of the first. */
  readonly position: number;
}

/** Is told what goes into matrices, before they are multiplied; every member of the team calls it. */
export type Observer = (input: {
  readonly matrices: readonly Matrix[];
  readonly activations: ActivationRows;
  /** Rows of `activations` that hold something. */
  readonly rows: number;
  /** With experts: which rows each slice is multiplied with. */
  readonly rowsOf?: (slice: number) => Uint32Array;
}) => void;

/** What a pass works with. */
export interface PassContext {
  readonly bench: Workbench;
  readonly hyper: Hyperparameters;
  readonly weights: ModelWeights;
  readonly buffers: PassBuffers;
  /** Rows of the sequences at hand, from 0. */
  readonly observe?: Observer;
  /** Where a head's keys and values are: a memory for each, or one that is used again for every sequence. */
  readonly headMemory: (layer: number, head: number, sequence: number) => HeadMemory;
}

export interface Pass {
  /** Embeddings of tokens into the states, from row 0 on. */
  embed(tokens: Int32Array): void;
  /** All states through one layer. */
  layer(index: number, sequences: readonly Sequence[]): void;
  /**
   * Logits of the states that `rows` names.
   * @param out `rows.length * vocabulary` floats
   */
  logits(rows: Uint32Array, out: Float32Array): void;
}

export function makePass(context: PassContext): Pass {
  const { bench, hyper, weights, buffers, observe } = context;
  const { team, numerics, arithmetic } = bench;
  const vectors = new Map<string, Float32Array>();
  let ropeAngles: { first: number; count: number; table: Float32Array } | undefined;

  /** A small tensor as f32, read once. */
  const vectorOf = (tensor: Tensor): Float32Array => {
    const known = vectors.get(tensor.name);
    if (known !== undefined) return known;
    const columns = tensor.shape[0]!;
    const rows = elementCount(tensor.shape) / columns;
    const matrix: Matrix = { tensor, firstRow: 0, rows, columns, slices: 1 };
    const read = (bytes: Uint8Array): void => readMatrixRows(bench, matrix, 0, 0, rows, bytes);
    const values = scalarNumerics().decodeRows(matrixForm(matrix, 0, "float"), rows, read);
    vectors.set(tensor.name, values);
    return values;
  };

  /** Shares out rows. */
  const eachRow = (rows: number, work: (first: number, count: number) => void): void =>
    team.each(Math.ceil(rows / ROWS_PER_PART), (part) => {
      const first = part * ROWS_PER_PART;
      work(first, Math.min(ROWS_PER_PART, rows - first));
    });

  const normed = ({ weight, bias }: Norm, x: Float32Array, out: Float32Array): void => {
    if (hyper.rules.norm === "layer") layerNorm(x, vectorOf(weight), bias && vectorOf(bias), hyper.epsilon, out);
    else rmsNorm(x, vectorOf(weight), hyper.epsilon, out);
  };

  /** Activations in the forms that these matrices multiply with. */
  const rowsFor = (floats: Float32Array, columns: number, matrices: readonly Matrix[]): ActivationRows => {
    const kinds = matrices.map(({ tensor }) => activationKind(tensor.codec, columns, arithmetic));
    const quantized = Object.fromEntries(
      kinds.flatMap((kind) => (kind === undefined ? [] : [[kind, buffers.quantized[kind]]])),
    );
    return { columns, floats, quantized };
  };

  const projected = (
    { matrix, bias }: Projection,
    input: ActivationRows,
    rows: number,
    out: Float32Array,
    addScaled?: number,
  ): Multiplication => ({
    matrix,
    slice: 0,
    input,
    rows: { first: 0, count: rows },
    out,
    outStride: matrix.rows,
    ...(bias && { bias: vectorOf(bias) }),
    ...(addScaled !== undefined && { addScaled }),
  });

  /** states += residualScale * (norm of `added`) */
  const addToStates = (norm: Norm, rows: number): void =>
    eachRow(rows, (first, count) => {
      const { width, residualScale } = hyper;
      for (let row = first; row < first + count; row++) {
        const state = buffers.state.subarray(row * width, (row + 1) * width);
        const added = buffers.added.subarray(row * width, (row + 1) * width);
        normed(norm, added, added);
        for (let i = 0; i < width; i++) state[i] = fround(state[i]! + fround(added[i]! * fround(residualScale)));
      }
    });

  /** Normed states, ready for these matrices. */
  const normStates = (norm: Norm | undefined, rows: number, matrices: readonly Matrix[]): ActivationRows => {
    const { width } = hyper;
    const input = rowsFor(buffers.normed, width, matrices);
    eachRow(rows, (first, count) => {
      for (let row = first; row < first + count; row++) {
        const state = buffers.state.subarray(row * width, (row + 1) * width);
        const out = buffers.normed.subarray(row * width, (row + 1) * width);
        if (norm === undefined) out.set(state);
        else normed(norm, state, out);
      }
      quantizeRows(bench, input, first, count);
    });
    return input;
  };

  const anglesFor = (sequences: readonly Sequence[]) => {
    const first = Math.min(...sequences.map(({ position }) => position));
    const end = Math.max(...sequences.map(({ position, count }) => position + count));
    if (ropeAngles === undefined || first < ropeAngles.first || end > ropeAngles.first + ropeAngles.count) {
      const factors = weights.ropeFactors && vectorOf(weights.ropeFactors);
      const parameters = { ...hyper.rope, ...(factors && { factors }) };
      ropeAngles = { first, count: end - first, table: ropeTable(parameters, first, end - first) };
    }
    return ropeAngles;
  };

  /** A norm of each head, or of the whole row. */
  const normHeads = (norm: Norm | undefined, row: Float32Array): void => {
    if (norm === undefined) return;
    const length = elementCount(norm.weight.shape);
    for (let at = 0; at < row.length; at += length) {
      const head = row.subarray(at, at + length);
      normed(norm, head, head);
    }
  };

  /** Norms and rotary positions of queries and keys. */
  const prepareHeads = (layer: LayerWeights, sequences: readonly Sequence[]): void => {
    const { keyLength, rules, rope } = hyper;
    const angles = rules.rope && anglesFor(sequences);
    const places = sequences.flatMap(({ row, count, position }) =>
      Array.from({ length: Math.ceil(count / ROWS_PER_PART) }, (_, part) => {
        const from = part * ROWS_PER_PART;
        return { row: row + from, count: Math.min(ROWS_PER_PART, count - from), position: position + from };
      }),
    );
    team.each(places.length, (part) => {
      const { row: first, count, position } = places[part]!;
      for (let n = 0; n < count; n++) {
        for (const [data, projection, norm] of [
          [buffers.queries, layer.query, layer.queryNorm],
          [buffers.keys, layer.key, layer.keyNorm],
        ] as const) {
          const length = projection.matrix.rows;
          const row = data.subarray((first + n) * length, (first + n + 1) * length);
          normHeads(norm, row);
          if (angles === undefined) continue;
          const at = (position + n - angles.first) * rope.dimensions;
          turnHeads(row, keyLength, rules.rope!, angles.table.subarray(at, at + rope.dimensions), rope.dimensions);
        }
      }
    });
  };

  const scoreRule = (layer: number): ScoreRule => {
    const { scoreScale: scale, scoreSoftcap: softcap, slidingWindow: window, rules } = hyper;
    const every = rules.fullAttentionEvery;
    const isWindowed = window !== undefined && every !== undefined && (layer + 1) % every !== 0;
    return { scale, ...(softcap !== undefined && { softcap }), ...(isWindowed && { window }) };
  };

  /** Attention of every query head: a part is a sequence and a key/value head. */
  const attend = (index: number, sequences: readonly Sequence[]): void => {
    const { keyLength, valueLength } = hyper;
    const [heads, keyHeads] = [hyper.heads[index]!, hyper.keyHeads[index]!];
    const group = heads / keyHeads;
    const rule = scoreRule(index);
    const work = (part: number): void => {
      const sequence = Math.floor(part / keyHeads);
      const keyHead = part % keyHeads;
      const { row, count, position } = sequences[sequence]!;
      const memory = context.headMemory(index, keyHead, sequence);
      const keysAt = row * keyHeads * keyLength + keyHead * keyLength;
      const valuesAt = row * keyHeads * valueLength + keyHead * valueLength;
      memory.append(
        buffers.keys,
        keysAt,
        keyHeads * keyLength,
        buffers.values,
        valuesAt,
        keyHeads * valueLength,
        count,
      );
      for (let head = keyHead * group; head < (keyHead + 1) * group; head++) {
        const from = row * heads * keyLength + head * keyLength;
        const to = row * heads * valueLength + head * valueLength;
        memory.attend(
          buffers.queries,
          from,
          heads * keyLength,
          count,
          position,
          rule,
          undefined,
          buffers.attended,
          to,
          heads * valueLength,
        );
      }
    };
    // The same member for the same head, where it keeps the head's keys and values from step to step.
    team.own(sequences.length * keyHeads, work);
  };

  const attention = (
    index: number,
    layer: LayerWeights,
    sequences: readonly Sequence[],
    rows: number,
  ): ActivationRows => {
    const matrices = [layer.query.matrix, layer.key.matrix, layer.value.matrix];
    const input = normStates(layer.attentionNorm, rows, matrices);
    observe?.({ matrices, activations: input, rows });
    multiplyAll(bench, [
      projected(layer.query, input, rows, buffers.queries),
      projected(layer.key, input, rows, buffers.keys),
      projected(layer.value, input, rows, buffers.values),
    ]);
    prepareHeads(layer, sequences);
    attend(index, sequences);
    addProjected(layer.attentionOutput, buffers.attended, rows, layer.postAttentionNorm);
    return input;
  };

  /** states += projection of `floats`, normed where there is a norm. */
  const addProjected = (projection: Projection, floats: Float32Array, rows: number, norm: Norm | undefined): void => {
    const { matrix } = projection;
    const input = rowsFor(floats, matrix.columns, [matrix]);
    eachRow(rows, (first, count) => quantizeRows(bench, input, first, count));
    observe?.({ matrices: [matrix], activations: input, rows });
    const out = norm === undefined ? buffers.state : buffers.added;
    multiplyAll(bench, [projected(projection, input, rows, out, norm === undefined ? hyper.residualScale : undefined)]);
    if (norm !== undefined) addToStates(norm, rows);
  };

  const feedForward = (layer: LayerWeights, given: ActivationRows | undefined, rows: number): void => {
    const { gate, up, down, router } = layer.feedForward;
    const matrices = [...(router ? [router.matrix] : []), ...(gate ? [gate.matrix] : []), up.matrix];
    const input = given ?? normStates(layer.feedForwardNorm, rows, matrices);
    if (router !== undefined) {
      withExperts(layer, layer.feedForward, input, rows);
      return;
    }
    observe?.({ matrices, activations: input, rows });
    const activation = hyper.rules.activation ?? "silu";
    const upTask = projected(up, input, rows, buffers.inner);
    if (gate === undefined) throw new RangeError("a feed-forward layer without gate");
    multiplyAll(bench, [{ ...projected(gate, input, rows, buffers.inner), gated: { by: upTask, activation } }]);
    addProjected(down, buffers.inner, rows, layer.postFeedForwardNorm);
  };

  const withExperts = (
    layer: LayerWeights,
    { router, gate, up, down }: FeedForward,
    input: ActivationRows,
    rows: number,
  ): void => {
    const { expertsUsed: slots, width } = hyper;
    const experts = router!.matrix.rows;
    observe?.({ matrices: [router!.matrix], activations: input, rows });
    multiplyAll(bench, [projected(router!, input, rows, buffers.routerScores)]);
    eachRow(rows, (first, count) => chooseExperts(buffers, experts, slots, first, count));
    team.once(() => expertRowsOf(buffers, experts, slots, rows));
    const { expertStarts, expertRows } = buffers;
    /** Row times slots plus slot, for every use of an expert; the row itself is that by `slots`. */
    const usesOf = (slice: number): Uint32Array => expertRows.subarray(expertStarts[slice], expertStarts[slice + 1]);
    const slices = Array.from({ length: experts }, (_, slice) => slice);
    const inner = up.matrix.rows;
    // Inputs are one row a token: repeated for each slot they would be many times larger, so rows are looked up.
    const tokensOf = (slice: number): Uint32Array => usesOf(slice).map((use) => Math.floor(use / slots));
    observe?.({ matrices: [gate!.matrix, up.matrix], activations: input, rows, rowsOf: tokensOf });
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
    observe?.({ matrices: [down.matrix], activations: innerRows, rows: rows * slots, rowsOf: usesOf });
    multiplyAll(
      bench,
      slices.map((slice) => expert(down, slice, innerRows, usesOf(slice), buffers.expertOutputs)),
    );
    const norm = layer.postFeedForwardNorm;
    eachRow(rows, (first, count) =>
      sumExperts(buffers, width, slots, first, count, norm === undefined ? hyper.residualScale : undefined),
    );
    if (norm !== undefined) addToStates(norm, rows);
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
    logits(rows, out) {
      const { matrix, bias } = weights.output;
      const { width, logitScale, logitSoftcap } = hyper;
      const input = rowsFor(buffers.normed, width, [matrix]);
      eachRow(rows.length, (first, count) => {
        for (let n = first; n < first + count; n++) {
          const state = buffers.state.subarray(rows[n]! * width, (rows[n]! + 1) * width);
          normed(weights.outputNorm, state, buffers.normed.subarray(n * width, (n + 1) * width));
        }
        quantizeRows(bench, input, first, count);
      });
      observe?.({ matrices: [matrix], activations: input, rows: rows.length });
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

/** Formats of a model's tensors whose products are taken by integer kernels, and of those which are not. */
export function kernelsUsed(
  weights: ModelWeights,
  arithmetic: Workbench["arithmetic"],
): Map<string, { kernels: number; float: number }> {
  const counts = new Map<string, { kernels: number; float: number }>();
  const count = ({ tensor, columns }: Matrix): void => {
    const entry = counts.get(tensor.codec) ?? { kernels: 0, float: 0 };
    const isKernel = activationKind(findFormat(tensor.codec)!.name, columns, arithmetic) !== undefined;
    counts.set(tensor.codec, { kernels: entry.kernels + Number(isKernel), float: entry.float + Number(!isKernel) });
  };
  for (const layer of weights.layers) {
    const { gate, up, down, router } = layer.feedForward;
    const projections = [layer.query, layer.key, layer.value, layer.attentionOutput, gate, up, down, router];
    for (const projection of projections) if (projection !== undefined) count(projection.matrix);
  }
  count(weights.output.matrix);
  return counts;
}
