/** Runs a calibration on the engine: the matrices of the file in the making are rounded anew, in place. */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { withStreams } from "../evaluate/place-streams.ts";
import { programModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { stepProgress } from "../evaluate/step-progress.ts";
import type { Windows } from "../evaluate/windows.ts";
import { makeBuffers } from "../forward/buffers.ts";
import { matricesOf } from "../forward/weights.ts";
import { DAMPING, ENERGY, ERROR, MATRIX_STATS, PLAIN_ERROR, PLAIN_ROWS, TOKENS } from "../rounding/bench.ts";
import type { CalibrationMethod } from "./calibration-method.ts";
import { planCalibration, type CalibrationPlan } from "./plan-calibration.ts";

/** What became of a calibrated tensor. */
export interface CalibratedTensor {
  readonly name: string;
  /**
   * Error of the outputs over their size, on the tokens of the calibration: sum |(w - q) x|^2 / sum |w x|^2; and what
   * plain rounding would leave.
   */
  readonly outputError: number;
  readonly plainOutputError: number;
  /** Rows that stay as plain rounding has them, because they were as near to their targets. */
  readonly plainRows: number;
  /** Least tokens that came to a slice (experts see some only), and the greatest damping. */
  readonly leastTokens: number;
  readonly damping: number;
}

export interface CalibrationRun {
  readonly tensors: readonly CalibratedTensor[];
  readonly plan: CalibrationPlan;
  readonly seconds: number;
}

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
const floats = (count: number): Float32Array => new Float32Array(shared(4 * count));

/**
 * @param result the file in the making, with plain codes; levels of its codebooks are set anew on shared memory
 * @param calibrated names of the tensors to round
 * @throws QuantizeError `no-room`, `bad-data`, or what a member throws
 */
export async function runCalibration(
  source: PreparedModel,
  result: PreparedModel,
  calibrated: ReadonlySet<string>,
  windows: Windows,
  method: CalibrationMethod,
  options: RunOptions,
  engine: Engine,
): Promise<CalibrationRun> {
  const start = performance.now();
  const { context, tokens } = windows;
  const plan = planCalibration(source, result, calibrated, windows, method, {
    ...options,
    threads: engine.pool.threads,
  });
  await engine.pool.shrink(plan.threads);
  const { arrays, groupWindows } = plan;
  const wanted = matricesOf(source.weights).filter(({ tensor }) => calibrated.has(tensor.name));
  const stats = new Map(
    wanted.map(({ tensor, slices }) => [tensor.name, new Float64Array(shared(8 * MATRIX_STATS * slices))]),
  );
  const buffers = () => makeBuffers(source.hyper, source.weights, groupWindows * context);
  const own = buffers();
  const others = method.isAsymmetric ? buffers() : own;
  const models = method.isAsymmetric ? [source, result] : [source];
  const module = await engine.module;
  await withStreams(plan, models, tokens.length, (places) => {
    const setup = {
      source: { ...programModel(source, "float", own), stream: places[0]! },
      result: { ...programModel(result, "float", others), stream: places.at(-1)! },
      context,
      tokens,
      groupWindows,
      ...method,
      hessian: floats(arrays.hessian),
      inverses: floats(arrays.inverses),
      squares: floats(method.descents > 0 ? arrays.inverses : 0),
      cross: floats(arrays.cross),
      commonHessian: floats(arrays.common),
      stats,
      bandStats: new Float64Array(shared(8 * arrays.bandStats)),
    };
    return engine.pool.runProgram("calibrate", setup, module, stepProgress(options, "calibrate"), options.signal);
  });
  return {
    tensors: [...stats].map(([name, numbers]) => outcome(name, numbers)),
    plan,
    seconds: (performance.now() - start) / 1000,
  };
}

function outcome(name: string, stats: Float64Array): CalibratedTensor {
  const column = (place: number): number[] =>
    Array.from({ length: stats.length / MATRIX_STATS }, (_, slice) => stats[slice * MATRIX_STATS + place]!);
  const sum = (place: number): number => column(place).reduce((total, value) => total + value, 0);
  const energy = sum(ENERGY);
  return {
    name,
    outputError: energy === 0 ? 0 : sum(ERROR) / energy,
    plainOutputError: energy === 0 ? 0 : sum(PLAIN_ERROR) / energy,
    plainRows: sum(PLAIN_ROWS),
    leastTokens: Math.min(...column(TOKENS)),
    damping: Math.max(...column(DAMPING)),
  };
}
