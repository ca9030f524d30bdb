/**
 * Evaluation: windows of a text through one model, or through an original and a model under test side by side; of each
 * scored token its probability and, with an original, how far the distributions are apart.
 */
import { makeNumerics, numericsLimits, workbench, type ProgramModel } from "../member.ts";
import { headMemoryBytes as headBytes } from "../numerics/wasm-numerics.ts";
import { makePass } from "../pass.ts";
import { openStream, type StreamPlace } from "../streams.ts";
import type { Team } from "../team.ts";
import { layersWork, passWork, type PassWork } from "../work.ts";
import type { ProgramReport, StepNote } from "./program.types.ts";
import { score, scoredPositions, type ScoreSetup } from "./score.ts";
import { windowSequences } from "../window-sequences.ts";

/** Sums kept of each layer: squared difference, squares of both, products. */
export const LAYER_SUMS = 4;

export interface EvaluateSetup extends ScoreSetup {
  /** The original, where there is one to run, then the model under test. */
  readonly models: readonly (ProgramModel & { readonly stream: StreamPlace })[];
  /** Tokens of whole windows, as they go into the models. */
  readonly tokens: Int32Array;
  /** Windows that are taken through a layer at a time. */
  readonly groupWindows: number;
  /** Receives `LAYER_SUMS` for the embedding and each layer, when two models run. */
  readonly layerSums: Float64Array;
  /** Room for the sums of each row of a group. */
  readonly rowSums: Float64Array;
}

export function evaluate(
  setup: EvaluateSetup,
  team: Team,
  module: WebAssembly.Module | undefined,
  report: ProgramReport,
): void {
  const { models, context, tokens, groupWindows } = setup;
  const windows = tokens.length / context;
  const numerics = makeNumerics(module, numericsLimits(models, context, headMemories(models, context)));
  const passes = models.map((model) => {
    const { hyper, weights, buffers, stream } = model;
    const memory = numerics.headMemory(context, hyper.keyLength, hyper.valueLength);
    const headMemory = () => {
      memory.clear();
      return memory;
    };
    const bench = workbench(team, numerics, model);
    const pass = makePass({ bench, hyper, weights, buffers, positions: context, headMemory });
    return { model, pass, stream: openStream(team, stream, buffers.state, hyper.width) };
  });
  const layers = Math.max(...models.map(({ hyper }) => hyper.layers));
  const progress = progressOf(setup, team, report);

  const groups = Array.from({ length: Math.ceil(windows / groupWindows) }, (_, group) => {
    const first = group * groupWindows;
    return { first, count: Math.min(groupWindows, windows - first) };
  });

  for (let step = 0; step <= layers; step++) {
    for (const { first, count } of groups) {
      const [row, rows] = [first * context, count * context];
      for (const { pass, stream } of passes) {
        if (step === 0) pass.embed(tokens.subarray(row, row + rows), windowSequences(count, context));
        else {
          stream.load(row, rows);
          pass.layer(step - 1, windowSequences(count, context));
        }
        stream.save(row, rows);
      }
      if (passes.length === 2) compareStates(setup, team, step, rows);
      if (step > 0) progress.layer(step - 1, rows);
    }
  }
  score(setup, team, numerics, passes, groups, progress.logits);
}

/** Counts the weights that rows were multiplied with. */
function progressOf({ models, targets, context }: EvaluateSetup, team: Team, report: ProgramReport) {
  const work = models.map(({ hyper, weights }) => passWork(hyper, weights));
  const layers = work[0]!.layers.length;
  const scored = (targets.length / context) * scoredPositions(context).count;
  const of = work.reduce((sum, model) => sum + targets.length * layersWork(model) + scored * model.output, 0);
  let done = 0;
  const say = (step: string, rows: number, weightsOf: (model: PassWork) => number): void => {
    for (const model of work) done += rows * weightsOf(model);
    if (team.rank === 0) report({ done, of, step } satisfies StepNote);
  };
  say("embedding", 0, () => 0);
  return {
    layer: (index: number, rows: number) =>
      say(`layer ${index + 1} of ${layers}`, rows, (model) => model.layers[index]!),
    logits: (rows: number) => say("logits", rows, ({ output }) => output),
  };
}

/** Bytes of the head memories that a member makes. */
function headMemories(models: EvaluateSetup["models"], context: number): number {
  return models.reduce((sum, { hyper }) => sum + headBytes(context, hyper.keyLength, hyper.valueLength), 0);
}

/** Adds up how far the states of both models are apart, row after row. */
function compareStates(setup: EvaluateSetup, team: Team, step: number, rows: number): void {
  const [base, tested] = setup.models as unknown as readonly [ProgramModel, ProgramModel];
  const { width } = base.hyper;
  const [a, b] = [base.buffers.state, tested.buffers.state];
  const { rowSums, layerSums } = setup;
  const rowsPerPart = 64;
  team.each(Math.ceil(rows / rowsPerPart), (part) => {
    for (let row = part * rowsPerPart; row < Math.min(rows, (part + 1) * rowsPerPart); row++) {
      const sums = [0, 0, 0, 0];
      for (let i = row * width; i < (row + 1) * width; i++) {
        const difference = a[i]! - b[i]!;
        sums[0]! += difference * difference;
        sums[1]! += a[i]! * a[i]!;
        sums[2]! += b[i]! * b[i]!;
        sums[3]! += a[i]! * b[i]!;
      }
      rowSums.set(sums, row * LAYER_SUMS);
    }
  });
  team.once(() => {
    for (let i = 0; i < rows * LAYER_SUMS; i++) layerSums[step * LAYER_SUMS + (i % LAYER_SUMS)]! += rowSums[i]!;
  });
}
