/**
 * The tensors of a model in the places where a forward pass uses them. What is there decides what is computed: biases,
 * norms of queries and keys, norms after a block, fused projections, experts. Every shape is held against the
 * hyperparameters before anything is allocated.
 */
import { findFormat } from "../../codecs/registry.ts";
import { findLayout } from "../../layouts/registry.ts";
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
  /** As many values as the tensor's rows: the part of a fused projection takes its own of them. */
  readonly bias?: Tensor;
}

/** Weight and bias of a norm. */
export interface Norm {
  /** Of heads: for one head, for all as one row, or (two-dimensional) for each its own. */
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
  /** A score for each query head that takes probability and goes nowhere. */
  readonly sinks?: Tensor;
  readonly postAttentionNorm?: Norm;
  readonly feedForwardNorm?: Norm;
  readonly feedForward: FeedForward;
  readonly postFeedForwardNorm?: Norm;
}

export interface ModelWeights {
  readonly embedding: Matrix;
  /** Learned positions, a row each. */
  readonly positions?: Matrix;
  readonly layers: readonly LayerWeights[];
  readonly outputNorm: Norm;
  /** The embedding where the model has no output tensor. */
  readonly output: Projection;
  /** Divisors of the rotary frequencies: for contexts up to the original one, and for longer ones. */
  readonly ropeFactors?: { readonly short: Tensor; readonly long: Tensor };
  readonly vocabulary: number;
}

/** The stored matrices behind projections, each once: fused projections are parts of one. */
export function storedMatrices(projections: readonly (Projection | undefined)[]): Matrix[] {
  const stored = new Map<Tensor, Matrix>();
  for (const projection of projections) {
    if (projection === undefined || stored.has(projection.matrix.tensor)) continue;
    const { matrix } = projection;
    const rows = matrix.tensor.shape[1] ?? 1;
    stored.set(matrix.tensor, matrix.rows === rows ? matrix : { ...matrix, firstRow: 0, rows });
  }
  return [...stored.values()];
}

/** Those of a layer, in groups that are multiplied with the same activations, in the order of the pass. */
export function layerInputs({ query, key, value, attentionOutput, feedForward }: LayerWeights): Matrix[][] {
  const { gate, up, down, router } = feedForward;
  const groups = [[query, key, value], [attentionOutput], [router], [gate, up], [down]];
  return groups.map(storedMatrices).filter(({ length }) => length > 0);
}

/** All matrices of a model that are multiplied with: the embedding, the output, those of the layers. */
export function matricesOf({ layers, output, embedding }: ModelWeights): Matrix[] {
  return [embedding, output.matrix, ...layers.flatMap((layer) => layerInputs(layer).flat())];
}

/** The same weights with tensors exchanged. */
export function withTensors(weights: ModelWeights, exchange: (tensor: Tensor) => Tensor): ModelWeights {
  const isTensor = (value: object): value is Tensor => "extents" in value;
  const exchanged = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null) return value;
    if (Array.isArray(value)) return value.map(exchanged);
    if (isTensor(value)) return exchange(value);
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, exchanged(item)]));
  };
  return exchanged(weights) as ModelWeights;
}

/** @throws QuantizeError `bad-format` naming the tensor that is missing or has another shape than the metadata say */
export function findWeights(model: Model, hyper: Hyperparameters): ModelWeights {
  const { path } = model;
  const tensors = new Map(model.tensors.map((tensor) => [tensor.name, tensor]));
  const { width, keyLength, valueLength, expertsUsed, rules } = hyper;

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
  /** Some rows of a projection. */
  const part = ({ matrix: whole, bias }: Projection, firstRow: number, rows: number): Projection => {
    const { tensor } = whole;
    const format = findFormat(tensor.codec);
    const groupRows = (format && findLayout(format, tensor.layout)?.rowsPerGroup) ?? 1;
    if (firstRow % groupRows !== 0) {
      throw new QuantizeError(
        "unsupported",
        `${path}: tensor ${tensor.name}: its parts share groups of rows, unpack it`,
      );
    }
    return { matrix: { ...whole, firstRow, rows }, ...(bias && { bias }) };
  };

  const layerOf = (layer: number): LayerWeights => {
    const name = (part: string): string => `blk.${layer}.${part}`;
    const queryRows = hyper.heads[layer]! * keyLength;
    const keyRows = hyper.keyHeads[layer]! * keyLength;
    const valueRows = hyper.keyHeads[layer]! * valueLength;
    const attended = hyper.heads[layer]! * valueLength;
    const { feedForwardNorm = "ffn_norm" } = rules;
    const post = "post_attention_norm";
    const optional = {
      attentionNorm: norm(name("attn_norm"), width),
      queryNorm: norm(name("attn_q_norm"), keyLength, queryRows),
      keyNorm: norm(name("attn_k_norm"), keyLength, keyRows),
      sinks: vector(name("attn_sinks.weight"), hyper.heads[layer]!),
      postAttentionNorm: feedForwardNorm === post ? undefined : norm(name(post), width),
      feedForwardNorm: norm(name(feedForwardNorm), width),
      postFeedForwardNorm: norm(name("post_ffw_norm"), width),
    };
    return {
      ...Object.fromEntries(Object.entries(optional).filter(([, found]) => found !== undefined)),
      ...attentionInputs(name, queryRows, keyRows, valueRows),
      attentionOutput: projection(name("attn_output"), attended, width),
      feedForward: feedForwardOf(name),
    };
  };

  const attentionInputs = (name: (part: string) => string, queryRows: number, keyRows: number, valueRows: number) => {
    if (!tensors.has(name("attn_qkv.weight"))) {
      return {
        query: projection(name("attn_q"), width, queryRows),
        key: projection(name("attn_k"), width, keyRows),
        value: projection(name("attn_v"), width, valueRows),
      };
    }
    const fused = projection(name("attn_qkv"), width, queryRows + keyRows + valueRows);
    return {
      query: part(fused, 0, queryRows),
      key: part(fused, queryRows, keyRows),
      value: part(fused, queryRows + keyRows, valueRows),
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
    const inner = needed(name("ffn_down.weight")).shape[0]!;
    const down = projection(name("ffn_down"), inner, width);
    if (up.matrix.rows === 2 * inner) return { gate: part(up, 0, inner), up: part(up, inner, inner), down };
    if (up.matrix.rows !== inner) throw fail(name("ffn_up.weight"), `${inner} rows`, String(up.matrix.rows));
    if (!tensors.has(name("ffn_gate.weight"))) return { up, down };
    return { gate: projection(name("ffn_gate"), width, inner), up, down };
  };

  const embedding = matrix("token_embd.weight", width, undefined);
  const outputNorm = norm("output_norm", width);
  if (outputNorm === undefined) throw fail("output_norm.weight", "a norm", "none");
  const vocabulary = embedding.rows;
  const output = tensors.has("output.weight") ? projection("output", width, vocabulary) : { matrix: embedding };
  const factors = (name: string): Tensor | undefined => vector(`${name}.weight`, hyper.rope.dimensions / 2);
  const plain = factors("rope_freqs");
  const [short, long] = [plain ?? factors("rope_factors_short"), plain ?? factors("rope_factors_long")];
  const positions = tensors.has("position_embd.weight") ? matrix("position_embd.weight", width, undefined) : undefined;
  return {
    embedding,
    layers: Array.from({ length: hyper.layers }, (_, layer) => layerOf(layer)),
    outputNorm,
    output,
    vocabulary,
    ...(positions && { positions }),
    ...(short && long && { ropeFactors: { short, long } }),
  };
}
