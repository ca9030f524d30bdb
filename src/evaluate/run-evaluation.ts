/** Runs an evaluation on the engine and puts its numbers together. */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { kernelsUsed, type KernelUse } from "../forward/kernel-use.ts";
import { codedRowLength } from "../forward/numerics/logits.ts";
import { LAYER_SUMS } from "../forward/programs/evaluate.ts";
import { scoredPositions, TOKEN_STATS } from "../forward/programs/score.ts";
import type { Arithmetic } from "../forward/projections.ts";
import { withStreams } from "./place-streams.ts";
import { planEvaluation } from "./plan-evaluation.ts";
import type { PassesPlan } from "./plan-passes.ts";
import { programModel, sharedBuffers, type PreparedModel } from "./prepare-model.ts";
import { statisticsOf, type Statistics } from "./statistics.ts";
import { stepProgress } from "./step-progress.ts";
import { checkWindows, type Windows } from "./windows.ts";

/** How far hidden states are from the original's. */
export interface LayerError {
  /** 0 is the embedding, n the output of the n-th layer. */
  readonly layer: number;
  /** sum (a - b)^2 / sum a^2 */
  readonly relativeError: number;
  readonly cosine: number;
}

export interface EvaluationRun extends Statistics {
  readonly layers: readonly LayerError[];
  readonly kernels: readonly KernelUse[];
  readonly plan: PassesPlan;
}

export interface EvaluationInput {
  /** The model under test. */
  readonly tested: PreparedModel;
  /** The original, to run beside it. */
  readonly base?: PreparedModel;
  /** Arithmetic of the model under test; an original always computes in f32. */
  readonly arithmetic: Arithmetic;
  readonly windows: Windows;
  /** Base logits to read, or a file to write them to, with its rows from that byte on. */
  readonly codedFile?: { readonly path: string; readonly byteOffset: number; readonly mode: "read" | "write" };
}

/**
 * Runs both models over all windows.
 * @param given how the work is divided; default: as memory allows. Numbers do not depend on it
 * @throws QuantizeError `no-room`, `bad-data`, or what a member throws
 */
export async function runEvaluation(
  { tested, base, arithmetic, windows, codedFile }: EvaluationInput,
  options: RunOptions,
  engine: Engine,
  given?: PassesPlan,
): Promise<EvaluationRun> {
  const models = base === undefined ? [tested] : [base, tested];
  const hasBase = base !== undefined || codedFile?.mode === "read";
  const { context, count, tokens, targets } = windows;
  for (const model of models) checkWindows(model, windows);
  const plan = given ?? planEvaluation(models, windows, { ...options, threads: engine.pool.threads, hasBase });
  await engine.pool.shrink(plan.threads);
  const { vocabulary } = tested.weights;
  const scored = count * scoredPositions(context).count;
  const buffers = sharedBuffers(models, plan.groupWindows * context);
  const stats = new Float64Array(shared(scored * TOKEN_STATS * 8));
  const layerSums = new Float64Array(shared((tested.hyper.layers + 1) * LAYER_SUMS * 8));
  const module = await engine.module;
  await withStreams(plan, models, tokens.length, (places) => {
    const setup = {
      models: models.map((model, i) => ({
        ...programModel(model, model === tested ? arithmetic : "float", buffers[i]!),
        stream: places[i]!,
      })),
      context,
      tokens,
      targets,
      groupWindows: plan.groupWindows,
      logitRows: plan.logitRows,
      logits: new Float32Array(shared(plan.logitRows * vocabulary * 4)),
      ...(hasBase && { coded: new Uint16Array(shared(plan.logitRows * codedRowLength(vocabulary) * 2)) }),
      ...(codedFile && { codedFile }),
      stats,
      layerSums,
      rowSums: new Float64Array(shared(plan.groupWindows * context * LAYER_SUMS * 8)),
    };
    return engine.pool.runProgram("evaluate", setup, module, stepProgress(options, "evaluate"), options.signal);
  });
  return {
    ...statisticsOf(stats, hasBase),
    layers: base === undefined ? [] : layerErrors(layerSums),
    kernels: kernelsUsed(tested.weights, arithmetic),
    plan,
  };
}

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);

function layerErrors(sums: Float64Array): LayerError[] {
  return Array.from({ length: sums.length / LAYER_SUMS }, (_, layer) => {
    const [difference, a, b, product] = sums.subarray(layer * LAYER_SUMS) as unknown as number[];
    return {
      layer,
      relativeError: difference === 0 ? 0 : difference! / a!,
      cosine: a === 0 && b === 0 ? 1 : product! / Math.sqrt(a! * b!),
    };
  });
}
