/**
 * Sensitivity: what the model loses when one of its tensors alone is quantized, tensor after tensor. The divergence is that
 * of the logits of all scored positions from the float model's.
 *
 * A tensor of layer l changes nothing before that layer: variants begin with the float model's states there.
 */
import { QuantizeError } from "../../errors.ts";
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../member.ts";
import { codedRowLength, codeRow, summarize } from "../numerics/logits.ts";
import { headMemoryBytes } from "../numerics/wasm-numerics.ts";
import { makePass } from "../pass.ts";
import type { Pass } from "../pass.types.ts";
import type { Team } from "../team.ts";
import type { Tensor } from "../../read/model.ts";
import { layerInputs, withTensors, type ModelWeights } from "../weights.ts";
import { passWork } from "../work.ts";
import type { ProgramReport, StepNote } from "./program.types.ts";
import { scoredPositions } from "./score.ts";
import { windowSequences } from "../window-sequences.ts";

/** A model with one tensor exchanged, and the layer where that begins to matter; -1: from the embedding on. */
export interface Variant {
  readonly name: string;
  readonly layer: number;
  readonly weights: ModelWeights;
}

export interface SensitivitySetup {
  /** The float model; its files are followed by those of the quantized one. */
  readonly model: ProgramModel;
  /** The tensors to measure, quantized, at their places in those files. */
  readonly quantized: readonly Tensor[];
  readonly context: number;
  /** Of all windows: they go through the layers together. */
  readonly tokens: Int32Array;
  readonly logitRows: number;
  readonly logits: Float32Array;
  /** Coded rows of all scored positions. */
  readonly coded: Uint16Array;
  /** The float model's states at the layer at hand. */
  readonly states: Float32Array;
  /** Divergence of each scored position. */
  readonly rowDivergences: Float64Array;
  /** Receives the mean divergence with each of them. */
  readonly divergences: Float64Array;
}

/** The model with one tensor exchanged for its quantized form, for each of these, in the order of the layers. */
export function variantsOf(weights: ModelWeights, quantized: readonly Tensor[]): Variant[] {
  const layerOf = new Map<string, number>([[weights.output.matrix.tensor.name, weights.layers.length]]);
  for (const [layer, own] of weights.layers.entries()) {
    for (const { tensor } of layerInputs(own).flat()) layerOf.set(tensor.name, layer);
  }
  layerOf.set(weights.embedding.tensor.name, -1);
  return quantized
    .map((tensor) => ({
      name: tensor.name,
      layer: layerOf.get(tensor.name)!,
      weights: withTensors(weights, (own) => (own.name === tensor.name ? tensor : own)),
    }))
    .sort((a, b) => a.layer - b.layer);
}

export function measureSensitivity(
  setup: SensitivitySetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { model, quantized, context, tokens, logitRows, logits, coded, states, rowDivergences } = setup;
  const { hyper, weights, buffers } = model;
  const { vocabulary } = weights;
  const byName = new Map(quantized.map((tensor) => [tensor.name, tensor]));
  const allQuantized = withTensors(weights, (tensor) => byName.get(tensor.name) ?? tensor);
  const kept = headMemoryBytes(context, hyper.keyLength, hyper.valueLength);
  const numerics = makeNumerics(module, numericsLimits([model, { hyper, weights: allQuantized }], context, kept));
  const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
  const headMemory = () => {
    memory.clear();
    return memory;
  };
  const bench = workbench(team, numerics, model);
  const passOf = (own: ModelWeights): Pass =>
    makePass({ bench, hyper, weights: own, buffers, positions: context, headMemory });
  const windows = tokens.length / context;
  const sequences = windowSequences(windows, context);
  const { first, count: scoredEach } = scoredPositions(context);
  const scored = Uint32Array.from({ length: windows * scoredEach }, (_, i) => {
    return Math.floor(i / scoredEach) * context + first + (i % scoredEach);
  });
  const length = codedRowLength(vocabulary);

  /** Hands the logits of all scored positions to `use`, a row at a time. */
  const eachLogits = (pass: Pass, use: (index: number, row: Float32Array) => void): void => {
    for (let from = 0; from < scored.length; from += logitRows) {
      const rows = scored.subarray(from, from + logitRows);
      pass.logits(rows, logits);
      team.each(rows.length, (n) => use(from + n, logits.subarray(n * vocabulary, (n + 1) * vocabulary)));
    }
  };
  const summaryOf = (row: Float32Array) => {
    const summary = summarize(row, numerics.sumExponentials);
    if (Number.isFinite(summary.largest + summary.logSum)) return summary;
    throw new QuantizeError("bad-data", `${model.path}: the logits are not finite`);
  };
  const codedRow = (index: number): Uint16Array => coded.subarray(index * length, (index + 1) * length);

  const variants = variantsOf(weights, quantized);
  const work = passWork(hyper, weights);
  const after = (layer: number): number =>
    work.layers.slice(Math.max(0, layer)).reduce((sum, one) => sum + one, work.output / 2);
  const of = after(0) + variants.reduce((sum, { layer }) => sum + after(layer), 0);
  let done = 0;
  const tell = (layer: number, step: string): void => {
    done += after(layer);
    if (team.rank === 0) report({ done, of, step } satisfies StepNote);
  };
  /** Copies of the states, shared out. */
  const copy = (from: Float32Array, to: Float32Array): void => {
    const rows = 256 * hyper.width;
    const size = tokens.length * hyper.width;
    team.each(Math.ceil(size / rows), (part) => {
      to.set(from.subarray(part * rows, Math.min(size, (part + 1) * rows)), part * rows);
    });
  };

  const base = passOf(weights);
  const measure = ({ name, layer, weights: own }: Variant): void => {
    const pass = passOf(own);
    if (layer < 0) pass.embed(tokens, sequences);
    else copy(states, buffers.state);
    for (let l = Math.max(0, layer); l < hyper.layers; l++) (l === layer ? pass : base).layer(l, sequences);
    eachLogits(pass, (index, row) => {
      const { largest, logSum } = summaryOf(row);
      rowDivergences[index] = numerics.divergence(codedRow(index), row, largest + logSum);
    });
    team.once(() => {
      setup.divergences[quantized.findIndex((tensor) => tensor.name === name)] =
        rowDivergences.reduce((sum, one) => sum + one, 0) / scored.length;
    });
    tell(layer, name);
  };

  base.embed(tokens, sequences);
  for (let layer = 0; layer < hyper.layers; layer++) base.layer(layer, sequences);
  eachLogits(base, (index, row) => codeRow(row, summaryOf(row), codedRow(index)));
  tell(0, "float model");

  for (const variant of variants) if (variant.layer < 0) measure(variant);
  base.embed(tokens, sequences);
  for (let layer = 0; layer <= hyper.layers; layer++) {
    copy(buffers.state, states);
    for (const variant of variants) if (variant.layer === layer) measure(variant);
    if (layer === hyper.layers) break;
    copy(states, buffers.state);
    base.layer(layer, sequences);
  }
}
