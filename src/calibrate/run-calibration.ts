/** Runs a calibration on the engine: the matrices of the file in the making are rounded anew, in place. */
import type { RunOptions } from "../engine/run-options.ts";
import type { Engine } from "../engine/start-engine.ts";
import { withPlaces } from "../evaluate/place-streams.ts";
import { programModel, type PreparedModel } from "../evaluate/prepare-model.ts";
import { stepProgress } from "../evaluate/step-progress.ts";
import { checkWindows, type Windows } from "../evaluate/windows.ts";
import { makeBuffers, makeCompanion } from "../forward/buffers.ts";
import type { Matrix } from "../forward/weights.ts";
import {
  DAMPING,
  ENERGY,
  ERROR,
  MATRIX_STATS,
  PLAIN_ERROR,
  PLAIN_ROWS,
  TOKENS,
  type CalibrateSetup,
  type CalibrationSeconds,
} from "../rounding/bench.ts";
import type { JournalPlace } from "../rounding/journal.types.ts";
import type { CalibrationMethod } from "./calibration-method.ts";
import {
  calibratedMatrices,
  planCalibration,
  type CalibrationArrays,
  type CalibrationPlan,
  type CalibrationTask,
} from "./plan-calibration.ts";

/** What became of a calibrated tensor. */
export interface CalibratedTensor {
  readonly name: string;
  readonly columns: number;
  /** Experts, or 1. */
  readonly slices: number;
  /**
   * Error of the outputs over their size, on the tokens of the calibration: sum |(w - q) x|^2 / sum |w x|^2; and what
   * plain rounding would leave.
   */
  readonly outputError: number;
  readonly plainOutputError: number;
  /** Rows that stay as plain rounding has them, because they were as near to their targets. */
  readonly plainRows: number;
  /** Least tokens that came to a slice (experts see some only), and slices that fewer came to than they have columns. */
  readonly leastTokens: number;
  readonly scarceSlices: number;
  /** The greatest number that was added to the diagonal of H. */
  readonly damping: number;
}

export interface CalibrationInput {
  readonly source: PreparedModel;
  readonly result: PreparedModel;
  /** Names of the tensors to round. */
  readonly calibrated: ReadonlySet<string>;
  readonly method: CalibrationMethod;
}

export interface CalibrationRun {
  readonly tensors: readonly CalibratedTensor[];
  readonly plan: CalibrationPlan;
  /** Names of tensors whose columns were cut into parts. */
  readonly cutTensors: readonly string[];
  /** In all, and what one thread spent on each kind of work. */
  readonly seconds: CalibrationSeconds & { readonly all: number };
}

const shared = (bytes: number): SharedArrayBuffer => new SharedArrayBuffer(bytes);
const floats = (count: number): Float32Array => new Float32Array(shared(4 * count));

/** Arrays that all members write into, of these sizes. */
export function makeArrays({ bandStats, ...sizes }: CalibrationArrays) {
  return {
    hessians: floats(sizes.hessians),
    commonHessian: floats(sizes.commonHessian),
    inverses: floats(sizes.inverses),
    squares: floats(sizes.squares),
    cross: floats(sizes.cross),
    bandStats: new Float64Array(shared(8 * bandStats)),
  };
}

/** Numbers of each slice of the matrices to calibrate, by tensor name. */
export function makeStats(task: CalibrationTask): Map<string, Float64Array> {
  return new Map(
    calibratedMatrices(task).map(({ tensor, slices }) => [
      tensor.name,
      new Float64Array(shared(8 * MATRIX_STATS * slices)),
    ]),
  );
}

/**
 * @param result the file in the making, with plain codes; levels of its codebooks are set anew on shared memory
 * @param stats receives what becomes of the matrices; holds the numbers of finished steps already
 * @param given how the work is divided; default: as memory allows. Bytes depend on its `mostColumns` alone
 * @throws QuantizeError `no-room`, `bad-data`, or what a member throws
 */
export async function runCalibration(
  { source, result, calibrated, method }: CalibrationInput,
  stats: ReadonlyMap<string, Float64Array>,
  windows: Windows,
  journal: JournalPlace | undefined,
  options: RunOptions & { readonly mostColumns?: number },
  engine: Engine,
  given?: CalibrationPlan,
): Promise<CalibrationRun> {
  const start = performance.now();
  const { context, tokens } = windows;
  for (const model of [source, result]) checkWindows(model, windows);
  const task = { source, result, calibrated, method };
  const plan = given ?? planCalibration(task, windows, { ...options, threads: engine.pool.threads });
  await engine.pool.shrink(plan.threads);
  const { groupWindows, mostColumns, placeBytes } = plan;
  const own = makeBuffers(source.hyper, source.weights, groupWindows * context, "float");
  const other = method.isAsymmetric ? makeCompanion(own) : own;
  const module = await engine.module;
  const sizes = method.isAsymmetric ? [placeBytes, placeBytes] : [placeBytes];
  const [seconds] = await withPlaces(plan, sizes, (places) => {
    const setup: CalibrateSetup = {
      source: programModel(source, "float", own),
      result: programModel(result, "float", other),
      places,
      context,
      tokens,
      groupWindows,
      mostColumns,
      ...method,
      ...makeArrays(plan.arrays),
      stats,
      ...(journal && { journal }),
    };
    return engine.pool.runProgram("calibrate", setup, module, stepProgress(options, "calibrate"), options.signal);
  });
  const cut = calibratedMatrices(task).filter(({ columns }) => columns > mostColumns);
  return {
    tensors: calibratedMatrices(task).map((matrix) => outcome(matrix, stats.get(matrix.tensor.name)!)),
    plan,
    cutTensors: [...new Set(cut.map(({ tensor }) => tensor.name))],
    seconds: { ...seconds!, all: (performance.now() - start) / 1000 },
  };
}

/** A matrix's numbers in the words of a report. */
export function outcome({ tensor: { name }, columns, slices }: Matrix, stats: Float64Array): CalibratedTensor {
  const column = (place: number): number[] =>
    Array.from({ length: slices }, (_, slice) => stats[slice * MATRIX_STATS + place]!);
  const sum = (place: number): number => column(place).reduce((total, value) => total + value, 0);
  const energy = sum(ENERGY);
  return {
    name,
    columns,
    slices,
    outputError: energy === 0 ? 0 : sum(ERROR) / energy,
    plainOutputError: energy === 0 ? 0 : sum(PLAIN_ERROR) / energy,
    plainRows: sum(PLAIN_ROWS),
    leastTokens: Math.min(...column(TOKENS)),
    scarceSlices: slices === 1 ? 0 : column(TOKENS).filter((tokens) => tokens < columns).length,
    damping: Math.max(...column(DAMPING)),
  };
}
