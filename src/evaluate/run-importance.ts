/** Measures importance on the engine: entries as llama-imatrix writes them. */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { QuantizeError } from "../errors.ts";
import { makeBuffers } from "../forward/buffers.ts";
import type { ImportanceSums } from "../forward/programs/measure-importance.ts";
import type { Arithmetic } from "../forward/projections.ts";
import { layerInputs, type Matrix, type ModelWeights } from "../forward/weights.ts";
import type { ImatrixEntry } from "../imatrix/imatrix.types.ts";
import { withStreams } from "./place-streams.ts";
import { planPasses, type PassesPlan, type PassShape } from "./plan-passes.ts";
import { programModel, type PreparedModel } from "./prepare-model.ts";
import { stepProgress } from "./step-progress.ts";
import { checkWindows, type Windows } from "./windows.ts";

/** Bytes of a token: as it goes in, and as it stands in the text. */
const TOKEN_BYTES = 8;
/** The matrix that is measured only when asked for; the tied output of other models never is. */
const OUTPUT = "output.weight";

export interface ImportanceInput {
  readonly model: PreparedModel;
  readonly arithmetic: Arithmetic;
  readonly windows: Windows;
  /** Measure `output.weight` too, where the model has one. */
  readonly withOutput: boolean;
}

export interface ImportanceRun {
  /** In the order of the layers; matrices that share an input share its sums. */
  readonly entries: readonly ImatrixEntry[];
  readonly plan: PassesPlan;
}

function inputsOf({ layers, output }: ModelWeights, withOutput: boolean): Matrix[][] {
  const isMeasured = withOutput && output.matrix.tensor.name === OUTPUT;
  return [...layers.flatMap(layerInputs), ...(isMeasured ? [[output.matrix]] : [])];
}

const sumsOf = ({ slices, columns }: Matrix): number => slices * columns;

/** How a measurement fits into memory. @throws QuantizeError `no-room` */
export function planImportance(
  model: PassShape,
  windows: { readonly context: number; readonly count: number },
  options: { readonly threads: number; readonly maxMemory?: number; readonly withOutput: boolean },
): PassesPlan {
  const { threads, maxMemory, withOutput } = options;
  const inputs = inputsOf(model.weights, withOutput);
  const sumBytes = inputs.reduce((sum, [first]) => sum + sumsOf(first!) * 4 + first!.slices * 8, 0);
  return planPasses([model], windows, {
    threads,
    ...(maxMemory !== undefined && { maxMemory }),
    alwaysBytes: windows.context * windows.count * TOKEN_BYTES + sumBytes,
    rowBytes: 0,
    logitRows: 0,
    logitRowBytes: 0,
  });
}

/** @throws QuantizeError `no-room`, `bad-data` for activations that are not finite or tokens that the model lacks */
export async function runImportance(
  { model, arithmetic, windows, withOutput }: ImportanceInput,
  options: RunOptions,
  engine: Engine,
): Promise<ImportanceRun> {
  checkWindows(model, windows);
  const plan = planImportance(model, windows, { ...options, threads: engine.pool.threads, withOutput });
  await engine.pool.shrink(plan.threads);
  const inputs = inputsOf(model.weights, withOutput);
  const sums = new Map(inputs.map(([first]) => [first!.tensor.name, makeSums(first!)]));
  const { context, tokens } = windows;
  const buffers = makeBuffers(model.hyper, model.weights, plan.groupWindows * context);
  const module = await engine.module;
  await withStreams(plan, [model], tokens.length, ([stream]) => {
    const setup = {
      model: programModel(model, arithmetic, buffers),
      stream: stream!,
      context,
      tokens,
      groupWindows: plan.groupWindows,
      sums,
      withOutput,
    };
    const onNote = stepProgress(options, "measure");
    return engine.pool.runProgram("measureImportance", setup, module, onNote, options.signal);
  });
  const entries = inputs.flatMap((matrices): ImatrixEntry[] => {
    const { squares, counts } = sums.get(matrices[0]!.tensor.name)!;
    const names = new Set(matrices.map(({ tensor }) => tensor.name));
    return [...names].map((name) => ({ name, sums: squares, counts: Array.from(counts) }));
  });
  requireFinite(entries, model.model.path);
  return { entries, plan };
}

function makeSums(matrix: Matrix): ImportanceSums {
  return {
    squares: new Float32Array(new SharedArrayBuffer(sumsOf(matrix) * 4)),
    counts: new Float64Array(new SharedArrayBuffer(matrix.slices * 8)),
  };
}

function requireFinite(entries: readonly ImatrixEntry[], path: string): void {
  for (const { name, sums, counts } of entries) {
    const wrong = sums.findIndex((sum) => !Number.isFinite(sum));
    if (wrong < 0) continue;
    const column = wrong % (sums.length / counts.length);
    throw new QuantizeError("bad-data", `${path}: input of ${name}, column ${column}: the activations are not finite`);
  }
}
