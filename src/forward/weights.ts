/**
 * The tensors of a model in the places where a forward pass uses them. What is there decides what is computed: biases,
 * norms of queries and keys, norms after a block, fused projections, experts. Every shape is held against the
 * hyperparameters before anything is allocated.
 */
import { QuantizeError } from "../errors.ts";
import { elementCount, type Model, type Tensor } from "../read/model.ts";
import type { Hyperparameters } from "./hyperparameters.ts";

/** Some rows of a stored matrix, of all its slices. */
export interface Matrix {
  readonly tensor: Tensor;
  /** First row within a slice: not 0 in the parts of fused projections. */
  readonly firstRow: number;
  readonly rows: number;
  readonly columns: number;
  /** 1, or the number of experts. */
  readonly slices: number;
}

/** Weight and bias of a projection. */
export interface Projection {
  readonly matrix: Matrix;
  readonly bias?: Tensor;
}

/** Weight and bias of a norm. */
export interface Norm {
  readonly weight: Tensor;
  readonly bias?: Tensor;
}

/** A feed-forward layer: down(activation(gate x) * up x), or down(activation(up x)) without gate. */
export interface FeedForward {
  readonly gate?: Projection;
  readonly up: Projection;
  readonly down: Projection;
  /** Chooses experts; the matrices then have a slice for each. */
  readonly router?: Projection;
}

export interface LayerWeights {
  readonly attentionNorm?: Norm;
  readonly query: Projection;
  readonly key: Projection;
  readonly value: Projection;
  readonly queryNorm?: Norm;
  readonly keyNorm?: Norm;
  readonly attentionOutput: Projection;
  readonly postAttentionNorm?: Norm;
  readonly feedForwardNorm?: Norm;
  readonly feedForward: FeedForward;
  readonly postFeedForwardNorm?: Norm;
}

export interface ModelWeights {
  readonly embedding: Matrix;
  readonly layers: readonly LayerWeights[];
  readonly outputNorm: Norm;
  /** The embedding where the model has no output tensor. */
  readonly output: Projection;
  readonly ropeFactors?: Tensor;
  readonly vocabulary: number;
}

/** All matrices of a model: the embedding, the output, those of the layers. */
export function matricesOf({ layers, output, embedding }: ModelWeights): Matrix[] {
  const projections = layers.flatMap(({ query, key, value, attentionOutput, feedForward }) => {
    const { gate, up, down, router } = feedForward;
    return [query, key, value, attentionOutput, gate, up, down, router];
  });
  return [embedding, output.matrix, ...projections.flatMap((projection) => projection?.matrix ?? [])];
}

/** @throws QuantizeError `bad-format` naming the tensor that is missing or has another shape than the metadata say */
export function findWeights(model: Model, hyper: Hyperparameters): ModelWeights {
  const { path } = model;
  const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const { width, keyLength, valueLength, expertsUsed } = hyper;

  const fail = (name: string, expected: string, found: string) =>
    new QuantizeError("bad-format", `${path}: tensor ${name}: expected ${expected}, found ${found}`);
  const needed = (name: string): Tensor => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new QuantizeError("bad-format", `${path}: expected a tensor ${name}, found none`);
    return tensor;
  };
  const vector = (name: string, ...lengths: number[]): Tensor | undefined => {
    const tensor = tensors.get(name);
    if (tensor === undefined) return undefined;
    if (!lengths.includes(elementCount(tensor.shape))) {
      throw fail(name, `${lengths.join(" or ")} elements`, tensor.shape.join(" x "));
    }
    return tensor;
  };
  const norm = (name: string, ...lengths: number[]): Norm | undefined => {
    const weight = vector(`${name}.weight`, ...lengths);
    const bias = vector(`${name}.bias`, ...lengths);
    return weight === undefined ? undefined : { weight, ...(bias && { bias }) };
  };
  /** The whole tensor as a matrix; `rows` undefined: as many as it has. */
  const matrix = (name: string, columns: number, rows: number | undefined, slices = 1): Matrix => {
    const tensor = needed(name);
    const [foundColumns, foundRows = 1, foundSlices = 1] = tensor.shape;
    if (foundColumns !== columns || (rows !== undefined && foundRows !== rows) || foundSlices !== slices) {
      const expected = [columns, rows ?? "rows", ...(slices === 1 ? [] : [slices])].join(" x ");
      throw fail(name, expected, tensor.shape.join(" x "));
    }
    return { tensor, firstRow: 0, rows: foundRows, columns, slices };
  };
  const projection = (name: string, columns: number, rows: number | undefined, slices = 1): Projection => {
    const found = matrix(`${name}.weight`, columns, rows, slices);
    const bias = vector(`${name}.bias`, found.rows * slices);
    return { matrix: found, ...(bias && { bias }) };
  };

  const layerOf = (layer: number): LayerWeights => {
    const name = (part: string): string => `blk.${layer}.${part}`;
    const queryRows = hyper.heads[layer]! * keyLength;
    const keyRows = hyper.keyHeads[layer]! * keyLength;
    const valueRows = hyper.keyHeads[layer]! * valueLength;
    const attended = hyper.heads[layer]! * valueLength;
    const optional = {
      attentionNorm: norm(name("attn_norm"), width),
      queryNorm: norm(name("attn_q_norm"), keyLength, queryRows),
      keyNorm: norm(name("attn_k_norm"), keyLength, keyRows),
      postAttentionNorm: norm(name("post_attention_norm"), width),
      feedForwardNorm: norm(name("ffn_norm"), width),
      postFeedForwardNorm: norm(name("post_ffw_norm"), width),
    };
    return {
      ...Object.fromEntries(Object.entries(optional).filter(([, found]) => found !== undefined)),
      query: projection(name("attn_q"), width, queryRows),
      key: projection(name("attn_k"), width, keyRows),
      value: projection(name("attn_v"), width, valueRows),
      attentionOutput: projection(name("attn_output"), attended, width),
      feedForward: feedForwardOf(name),
    };
  };

  const feedForwardOf = (name: (part: string) => string): FeedForward => {
    if (expertsUsed > 0 && tensors.has(name("ffn_gate_inp.weight"))) {
      const router = projection(name("ffn_gate_inp"), width, undefined);
      const experts = router.matrix.rows;
      if (experts < expertsUsed) throw fail(name("ffn_gate_inp.weight"), `${expertsUsed} experts`, String(experts));
      const up = projection(name("ffn_up_exps"), width, undefined, experts);
      const gate = projection(name("ffn_gate_exps"), width, up.matrix.rows, experts);
      return { router, gate, up, down: projection(name("ffn_down_exps"), up.matrix.rows, width, experts) };
    }
    const up = projection(name("ffn_up"), width, undefined);
    const down = projection(name("ffn_down"), up.matrix.rows, width);
    if (!tensors.has(name("ffn_gate.weight"))) return { up, down };
    return { gate: projection(name("ffn_gate"), width, up.matrix.rows), up, down };
  };

  const embedding = matrix("token_embd.weight", width, undefined);
  const outputNorm = norm("output_norm", width);
  if (outputNorm === undefined) throw fail("output_norm.weight", "a norm", "none");
  const vocabulary = embedding.rows;
  const output = tensors.has("output.weight") ? projection("output", width, vocabulary) : { matrix: embedding };
  const ropeFactors = vector("rope_freqs.weight", hyper.rope.dimensions / 2);
  return {
    embedding,
    layers: Array.from({ length: hyper.layers }, (_, layer) => layerOf(layer)),
    outputNorm,
    output,
    vocabulary,
    ...(ropeFactors && { ropeFactors }),
  };
}
