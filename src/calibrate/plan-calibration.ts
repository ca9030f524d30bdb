/**
 * How a calibration fits into memory: how many windows go through a layer at a time, where activations wait, and whether
 * wide matrices have to be cut. Pure arithmetic on shapes. Results depend on the cut alone, which depends on the bound
 * and the shapes, not on threads.
 */
import { PROCESS_BYTES, WORKER_BYTES } from "../engine/memory.ts";
import { DEFAULT_MAX_MEMORY } from "../engine/run-options.ts";
import { QuantizeError } from "../errors.ts";
import type { PassShape } from "../evaluate/plan-passes.ts";
import { companionBytes, keptElements, passBytes } from "../forward/buffers.ts";
import { numericsLimits } from "../forward/member.ts";
import { headMemoryBytes, numericsBytes } from "../forward/numerics/wasm-numerics.ts";
import { layersWork, passWork } from "../forward/work.ts";
import { matricesOf, type Matrix, type ModelWeights } from "../forward/weights.ts";
import { BAND_NUMBERS, rowsOfBand } from "../rounding/bench.ts";
import { calibrationSizes } from "../rounding/calibrate.ts";
import { columnParts, PART_MULTIPLE } from "../rounding/column-parts.ts";
import { inversesLength } from "../rounding/factor.ts";
import { algebraBytes } from "../rounding/open-bench.ts";
import { upperLength } from "../rounding/upper-matrix.ts";
import type { CalibrationMethod } from "./calibration-method.ts";

const MIB = 2 ** 20;
/** Multiplications and additions per second and thread of an ordinary machine, for estimates of time only. */
const OPERATIONS_PER_SECOND = 20e9;
/** A part of the memory that the sums of experts may take, where each sweep over the windows costs reading them again. */
const EXPERTS_SHARE = 1 / 8;

/** Floats of the arrays that hold sums and factors, for the largest part of a matrix. */
export interface CalibrationArrays {
  readonly hessians: number;
  readonly commonHessian: number;
  readonly inverses: number;
  readonly squares: number;
  readonly cross: number;
  readonly bandStats: number;
}

export interface CalibrationPlan {
  readonly threads: number;
  readonly groupWindows: number;
  readonly streams: "buffer" | "memory" | "file";
  /** Bytes of the place where the activations of one pass wait. */
  readonly placeBytes: number;
  /** Columns of a part at most. */
  readonly mostColumns: number;
  readonly arrays: CalibrationArrays;
  readonly peakBytes: number;
  readonly diskBytes: number;
  /** Of the products alone, on an ordinary machine. */
  readonly estimatedSeconds: number;
}

/** What a plan is made for. */
export interface CalibrationTask {
  /** The float model, and the file in the making. */
  readonly source: PassShape;
  readonly result: PassShape;
  /** Names of the tensors to calibrate. */
  readonly calibrated: ReadonlySet<string>;
  readonly method: Pick<CalibrationMethod, "isAsymmetric" | "descents">;
}

interface PlanOptions {
  readonly threads: number;
  readonly maxMemory?: number;
  /** As it was decided before; absent: matrices are cut where the bound demands it. */
  readonly mostColumns?: number;
}

/** Matrices to calibrate, in the order of the layers. */
export function calibratedMatrices({ source, calibrated }: Pick<CalibrationTask, "source" | "calibrated">): Matrix[] {
  const [, output, ...layers] = matricesOf(source.weights);
  return [...layers, output!].filter(({ tensor }) => calibrated.has(tensor.name));
}

/** Sizes of the sums that calibrating these matrices takes. @param expertsRoom floats for sums of experts */
function arraysFor(task: CalibrationTask, mostColumns: number, expertsRoom: number): CalibrationArrays {
  const { source, method } = task;
  const matrices = calibratedMatrices(task);
  const most = (value: (matrix: Matrix) => number): number =>
    matrices.reduce((max, matrix) => Math.max(max, value(matrix)), 0);
  const partOf = ({ columns }: Matrix): number => columnParts(columns, mostColumns)[0]!.count;
  const largest = most(partOf);
  // Matrices whose outputs are added to the states take the products of outputs with inputs, others those of inputs.
  const added = addedMatrices(source.weights);
  const crossOf = (matrix: Matrix): number => {
    if (matrix.slices > 1) return 0;
    const part = partOf(matrix);
    return part * (added.has(matrix) && part === matrix.columns ? matrix.rows : part);
  };
  const ofExperts = most((matrix) =>
    matrix.slices > 1 ? Math.min(matrix.slices * upperLength(partOf(matrix)), expertsRoom) : 0,
  );
  return {
    hessians: Math.max(upperLength(largest), ofExperts),
    commonHessian: most((matrix) => (matrix.slices > 1 ? upperLength(partOf(matrix)) : 0)),
    inverses: inversesLength(largest),
    squares: method.descents > 0 ? inversesLength(largest) : 0,
    cross: method.isAsymmetric ? most(crossOf) : 0,
    bandStats: BAND_NUMBERS.length * most((matrix) => Math.ceil(matrix.rows / rowsOfBand(partOf(matrix)))),
  };
}

/** Those with a norm behind them are not added as they are. */
function addedMatrices({ layers }: ModelWeights): ReadonlySet<Matrix> {
  return new Set(
    layers.flatMap(({ attentionOutput, postAttentionNorm, feedForward, postFeedForwardNorm }) => [
      ...(postAttentionNorm === undefined ? [attentionOutput.matrix] : []),
      ...(postFeedForwardNorm === undefined ? [feedForward.down.matrix] : []),
    ]),
  );
}

/** The widths that matrices may be cut to, widest first: in one, two, three, ... parts. */
function cutsOf(task: CalibrationTask): number[] {
  const widest = calibratedMatrices(task).reduce((max, { columns }) => Math.max(max, columns), PART_MULTIPLE);
  const count = Math.ceil(widest / PART_MULTIPLE);
  const widths = Array.from({ length: count }, (_, n) => Math.ceil(widest / (n + 1) / PART_MULTIPLE) * PART_MULTIPLE);
  return [...new Set(widths)];
}

/**
 * @throws QuantizeError `no-room` when not even one window at a time fits with one thread and matrices cut as far as they
 * can be
 */
export function planCalibration(
  task: CalibrationTask,
  windows: { readonly context: number; readonly count: number },
  options: PlanOptions,
): CalibrationPlan {
  const { mostColumns, threads } = options;
  const cuts = mostColumns === undefined ? cutsOf(task) : [mostColumns];
  const cut = cuts.find((width) => planWith(task, windows, width, 0, { ...options, threads: 1 }) !== undefined);
  if (cut !== undefined) {
    const plan = planWith(task, windows, cut, 0, options)!;
    if (plan.streams === "buffer") return plan;
    const { maxMemory = DEFAULT_MAX_MEMORY } = options;
    const room = Math.floor((maxMemory * EXPERTS_SHARE) / 4);
    return planWith(task, windows, cut, room, { ...options, threads: Math.min(threads, plan.threads) }) ?? plan;
  }
  const { maxMemory = DEFAULT_MAX_MEMORY } = options;
  const needed = Math.ceil(leastBytes(task, windows.context, windows.count, cuts.at(-1)!) / MIB);
  throw new QuantizeError(
    "no-room",
    `calibrating with one thread and one window of ${windows.context} tokens at a time needs ${needed} MiB of memory, ` +
      `the bound is ${Math.floor(maxMemory / MIB)} MiB (--max-memory)`,
  );
}

/** Bytes that do not depend on how many windows go through a layer at a time: shared ones, and those of each thread. */
function fixedBytes(task: CalibrationTask, context: number, tokens: number, mostColumns: number, room: number) {
  const { source, result, calibrated, method } = task;
  const arrays = arraysFor(task, mostColumns, room);
  const { bandStats, ...floats } = arrays;
  const sums = Object.values(floats).reduce((sum, length) => sum + length, 0);
  const { keyLength, valueLength, rope } = source.hyper;
  const sides = method.isAsymmetric ? 2 : 1;
  const kept = 2 * headMemoryBytes(context, keyLength, valueLength);
  const angles = sides * context * rope.dimensions * 4;
  return {
    arrays,
    shared: PROCESS_BYTES + 4 * sums + 8 * bandStats + 8 * tokens,
    perWorker:
      WORKER_BYTES +
      algebraBytes(calibrationSizes(source, result, calibrated, context, mostColumns)) +
      numericsBytes(numericsLimits([source, result], context, kept)) +
      angles,
  };
}

/** Buffers of so many rows. */
function groupBytes({ source, method }: CalibrationTask, rows: number): number {
  const { hyper, weights } = source;
  const companion = method.isAsymmetric ? companionBytes(hyper, weights, rows) : 0;
  return passBytes(hyper, weights, rows, "float") + companion;
}

function leastBytes(task: CalibrationTask, context: number, count: number, mostColumns: number): number {
  const { shared, perWorker } = fixedBytes(task, context, context * count, mostColumns, 0);
  return shared + perWorker + groupBytes(task, context);
}

/** A plan with that cut; undefined when it does not fit. */
function planWith(
  task: CalibrationTask,
  { context, count }: { readonly context: number; readonly count: number },
  mostColumns: number,
  expertsRoom: number,
  { threads: wanted, maxMemory = DEFAULT_MAX_MEMORY }: PlanOptions,
): CalibrationPlan | undefined {
  const tokens = context * count;
  const { source, method } = task;
  const { arrays, shared, perWorker } = fixedBytes(task, context, tokens, mostColumns, expertsRoom);
  const sides = method.isAsymmetric ? 2 : 1;
  const placeBytes = 4 * count * keptElements(source.hyper, source.weights, context);
  const waiting = sides * placeBytes;
  for (let threads = wanted; threads >= 1; threads--) {
    const left = maxMemory - shared - threads * perWorker;
    const done = (groupWindows: number, streams: CalibrationPlan["streams"], bytes: number): CalibrationPlan => ({
      threads,
      groupWindows,
      streams,
      placeBytes,
      mostColumns,
      arrays,
      peakBytes: maxMemory - left + bytes,
      diskBytes: streams === "file" ? waiting : 0,
      estimatedSeconds: operations(task, tokens) / (threads * OPERATIONS_PER_SECOND),
    });
    if (groupBytes(task, tokens) <= left) return done(count, "buffer", groupBytes(task, tokens));
    const most = (room: number): number => Math.min(count, Math.floor(room / groupBytes(task, context)));
    if (waiting <= left / 2 && most(left - waiting) >= 1) {
      const group = most(left - waiting);
      return done(group, "memory", waiting + groupBytes(task, group * context));
    }
    if (most(left) >= 1) return done(most(left), "file", groupBytes(task, most(left) * context));
  }
  return undefined;
}

/** Multiplications and additions: of the passes, of the sums over tokens, of factors, feedback and descent. */
function operations(task: CalibrationTask, tokens: number): number {
  const { source, method } = task;
  const { isAsymmetric, descents } = method;
  const forward = 2 * tokens * layersWork(passWork(source.hyper, source.weights)) * (isAsymmetric ? 2 : 1);
  const rounding = calibratedMatrices(task).reduce((sum, { rows, columns, slices }) => {
    const gather = tokens * columns * columns * (isAsymmetric ? 3 : 1);
    const perRow = columns * columns * ((isAsymmetric ? 9 : 3) + 2 * descents);
    return sum + gather / 3 + slices * (columns ** 3 / 3 / 3 + rows * perRow);
  }, 0);
  return forward + rounding;
}
